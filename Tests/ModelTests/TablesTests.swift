// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@Suite struct TablesTests {
    /// Backends of a settled service, four active ones and one of weight 0.
    func service(brake: Brake = Brake(), onDown: DownPolicy = .keep) throws -> PlacedService {
        var fleet = Fleet(entries: [try desired("10.0.0.1:443/tcp -> a, b, c, d, e w0", brake: brake)])
        fleet.entries[0].service.onDown = onDown
        try fleet.step(at: 0)
        return try fleet.service()
    }

    func ids(_ raw: UInt16...) -> Set<BackendID> { Set(raw.map { BackendID(rawValue: $0) }) }

    @Test func `a settled service has one table`() throws {
        let tables = try service().tables(down: [])
        let same = tables.current == tables.previous
        #expect(same)
        #expect(Set(tables.current) == [1, 2, 3, 4])
    }

    @Test func `a backend that is down gets no slot and stays the previous one of its own`() throws {
        let service = try service()
        let settled = service.tables(down: []).current
        let tables = service.tables(down: ids(2))
        #expect(!tables.current.contains(2))
        let kept = tables.previous == settled
        #expect(kept)
        #expect(service.rehashed(down: ids(2)).isEmpty)
    }

    @Test func `on-down rehash gives its flows away as well`() throws {
        let service = try service(onDown: .rehash)
        let settled = service.tables(down: []).current
        let tables = service.tables(down: ids(2))
        #expect(service.rehashed(down: ids(2, 77)) == ids(2))
        let replaced = zip(settled, zip(tables.current, tables.previous)).allSatisfy { before, after in
            after.1 == (before == 2 ? after.0 : before)
        }
        #expect(replaced)
    }

    @Test(arguments: [
        (Brake(), [UInt16(1)], false), (Brake(), [1, 2], false), (Brake(), [1, 2, 3], true),
        (Brake(), [1, 2, 3, 4], true),
        (Brake(minimumActive: 3), [1], false), (Brake(minimumActive: 3), [1, 2], true),
        (Brake(minimumActive: 0, maximumRemoved: 100), [1, 2, 3, 4], false), (Brake(minimumActive: 9), [], false),
        (Brake(minimumActive: 1, maximumRemoved: 0), [1], true),
        (Brake(minimumActive: 1, maximumRemoved: 0), [5, 6], false),
    ])
    func `the brake ignores what would take too much away`(brake: Brake, down: [UInt16], isolated: Bool) throws {
        let service = try service(brake: brake)
        let down = Set(down.map { BackendID(rawValue: $0) })
        let active = service.activeMembers(less: down)
        #expect(active.isolated == isolated)
        let expected = isolated ? service.members : service.members.filter { !down.contains($0.id) }
        #expect(active.members == expected)
    }

    @Test func `an isolated host rehashes nothing`() throws {
        #expect(try service(onDown: .rehash).rehashed(down: ids(1, 2, 3)).isEmpty)
    }

    @Test func `what all find down gives the same table as the leader's generation without it`() throws {
        let host = try service().tables(down: ids(3)).current
        var fleet = Fleet(entries: [try desired("10.0.0.1:443/tcp -> a, b, c, d, e w0")])
        try fleet.step(at: 0)
        fleet.entries = [try desired("10.0.0.1:443/tcp -> a, b, d, e w0")]
        try fleet.step(at: 1)
        let same = try fleet.service().tables(down: []).current == host
        #expect(same)
    }

    @Test func `a draining backend keeps its slots as the previous one until it is gone`() throws {
        var fleet = Fleet(entries: [try desired("10.0.0.1:443/tcp -> a, b, c")])
        try fleet.step(at: 0)
        let settled = try fleet.service().tables(down: []).current
        fleet.entries = [try desired("10.0.0.1:443/tcp -> a, c")]
        try fleet.step(at: 10)
        let draining = try fleet.service().tables(down: [])
        let kept = draining.previous == settled
        #expect(kept)
        #expect(!draining.current.contains(2))

        try fleet.step(at: 610)
        let gone = try fleet.service().tables(down: [])
        #expect(!gone.previous.contains(2))
        let replaced = zip(settled, zip(gone.current, gone.previous)).allSatisfy { before, after in
            after.1 == (before == 2 ? after.0 : before)
        }
        #expect(replaced)
    }

    @Test func `with nothing settled the previous backend is the current one`() throws {
        var service = try service()
        service.settled = []
        let tables = service.tables(down: [])
        let same = tables.current == tables.previous
        #expect(same)
    }
}
