// SPDX-License-Identifier: Apache-2.0

import Model
import TestSupport
import Testing

@Suite struct GenerationNextTests {
    /// A fleet that runs `a`, `b` and `c`, settled.
    func fleet(_ text: String = "10.0.0.1:443/tcp -> a, b, c") throws -> Fleet {
        var fleet = Fleet(entries: [try desired(text)])
        try fleet.step(at: 1000)
        return fleet
    }

    @Test func `the first generation gives ids by name and is settled`() throws {
        let fleet = try fleet("10.0.0.1:443/tcp -> c, a:8443 w2, b w0")
        #expect(try fleet.notation() == "10.0.0.1:443/tcp -> a:8443 #1 w2, b #2 w0, c #3")
        let generation = try #require(fleet.generation)
        #expect(generation.number == 1 && generation.epoch == 1 && generation.nextBackendID == 4)
        #expect(generation.predecessor == nil)
        #expect(try fleet.service().id == ServiceID(rawValue: 1))
        #expect(try fleet.service().isSettled)
        #expect(try fleet.service().settled.map(\.name) == ["a", "c"])
    }

    @Test func `the first generation comes even where nothing is desired`() throws {
        var fleet = Fleet()
        #expect(try fleet.step(at: 0)?.services.isEmpty == true)
        #expect(try fleet.step(at: 1) == nil)
    }

    @Test func `nothing new is no generation`() throws {
        var fleet = try fleet()
        #expect(try fleet.step(at: 5000) == nil)
        #expect(try fleet.step(at: 5000, settled: ["web", "unknown"]) == nil)
        fleet.entries[0].backends.reverse()
        #expect(try fleet.step(at: 5000) == nil)
    }

    @Test func `a new seed is a new generation`() throws {
        let fleet = try fleet()
        let next = try Generation.next(
            desired: DesiredState(entries: fleet.entries), previous: fleet.generation, epoch: 2, seed: 8, now: 0,
            predecessor: "abc")
        #expect(next?.number == 2 && next?.epoch == 2 && next?.seed == 8 && next?.predecessor == "abc")
        #expect(next?.services == fleet.generation?.services)
    }

    @Test func `an added backend gets the next id, and the service is unsettled until all report`() throws {
        var fleet = try fleet()
        fleet.entries = [try desired("10.0.0.1:443/tcp -> a, aa, b, c")]
        try fleet.step(at: 2000)
        #expect(try fleet.notation() == "10.0.0.1:443/tcp -> a #1, aa #4, b #2, c #3")
        #expect(try fleet.service().settled.map(\.name) == ["a", "b", "c"])
        #expect(try !fleet.service().isSettled)

        try fleet.step(at: 3000, settled: ["web"])
        #expect(try fleet.service().settled.map(\.name) == ["a", "aa", "b", "c"])
        #expect(try fleet.service().isSettled)
    }

    @Test func `what settles is what the hosts had, not what comes with the same generation`() throws {
        var fleet = try fleet()
        fleet.entries = [try desired("10.0.0.1:443/tcp -> a, b, c, d")]
        try fleet.step(at: 2000)
        fleet.entries = [try desired("10.0.0.1:443/tcp -> a, b, c, d, e")]
        try fleet.step(at: 3000, settled: ["web"])
        #expect(try fleet.service().settled.map(\.name) == ["a", "b", "c", "d"])
    }

    @Test func `a removed backend drains, and is gone at its deadline`() throws {
        var fleet = try fleet()
        fleet.entries = [try desired("10.0.0.1:443/tcp -> a, c")]
        try fleet.step(at: 2000)
        #expect(try fleet.notation() == "10.0.0.1:443/tcp -> a #1, b #2 draining, c #3")
        #expect(try fleet.service().backends[1].drainingSince == 2000)
        #expect(fleet.generation?.nextDeadline(after: 2000) == 2600)
        #expect(try fleet.step(at: 2599) == nil)

        try fleet.step(at: 2600)
        #expect(try fleet.notation() == "10.0.0.1:443/tcp -> a #1, c #3")
        #expect(fleet.generation?.nextDeadline(after: 2600) == nil)
        #expect(try fleet.service().settled.map(\.name) == ["a", "b", "c"])
    }

    @Test func `without a drain time a removed backend is gone at once`() throws {
        var fleet = try fleet()
        fleet.entries = [try desired("10.0.0.1:443/tcp -> a, c", drain: .zero)]
        try fleet.step(at: 2000)
        #expect(try fleet.notation() == "10.0.0.1:443/tcp -> a #1, c #3")
    }

    @Test func `a backend that comes back while it drains has its id again`() throws {
        var fleet = try fleet()
        let all = fleet.entries
        fleet.entries = [try desired("10.0.0.1:443/tcp -> a, c")]
        try fleet.step(at: 2000)
        fleet.entries = all
        try fleet.step(at: 2100)
        #expect(try fleet.notation() == "10.0.0.1:443/tcp -> a #1, b #2, c #3")
        #expect(try fleet.service().isSettled)
    }

    @Test func `a backend that comes back later has a new id`() throws {
        var fleet = try fleet()
        let all = fleet.entries
        fleet.entries = [try desired("10.0.0.1:443/tcp -> a, c")]
        try fleet.step(at: 2000)
        try fleet.step(at: 2600)
        fleet.entries = all
        try fleet.step(at: 2700)
        #expect(try fleet.notation() == "10.0.0.1:443/tcp -> a #1, b #4, c #3")
    }

    @Test func `another address under the same name is another backend, and the old one drains beside it`() throws {
        var fleet = try fleet("10.0.0.1:443/tcp -> a, b @10.1.1.1")
        fleet.entries = [try desired("10.0.0.1:443/tcp -> a, b @10.1.1.2")]
        try fleet.step(at: 2000)
        #expect(try fleet.notation() == "10.0.0.1:443/tcp -> a #1, b #2 draining, b #3")
        #expect(Notation(try fleet.service(), places: true).backends[2].address == IPAddress("10.1.1.2"))

        fleet.entries = [try desired("10.0.0.1:443/tcp -> a, b @10.1.1.1")]
        try fleet.step(at: 2100)
        #expect(try fleet.notation() == "10.0.0.1:443/tcp -> a #1, b #2, b #3 draining")
        try fleet.step(at: 2700)
        #expect(try fleet.notation() == "10.0.0.1:443/tcp -> a #1, b #2")
    }

    @Test func `a draining backend that the changed service cannot reach any more is gone at once`() throws {
        var fleet = try fleet("10.0.0.1:443/tcp -> a @10.1.1.1, b @2001:db8::1")
        fleet.entries = [try desired("[2001:db8::10]:443/tcp -> b @2001:db8::1")]
        try fleet.step(at: 2000)
        #expect(try fleet.notation() == "[2001:db8::10]:443/tcp -> b #2")
    }

    @Test func `a generation does not print its secret`() throws {
        let generation = try #require(try fleet().generation)
        #expect("\(generation)" == "generation 1 of epoch 1, 1 services")
        #expect(
            String(reflecting: generation.manifest(digests: [:])) == "manifest of generation 1 of epoch 1, 1 services")
    }

    @Test func `port and weight change in place`() throws {
        var fleet = try fleet()
        fleet.entries = [try desired("10.0.0.1:443/tcp -> a:8443 w5, b, c")]
        try fleet.step(at: 2000)
        #expect(try fleet.notation() == "10.0.0.1:443/tcp -> a:8443 #1 w5, b #2, c #3")
        #expect(try fleet.service().settled.map(\.weight) == [1, 1, 1])
    }

    @Test func `an override drains a backend that is desired, and lets go of it when it expires`() throws {
        var fleet = try fleet()
        fleet.overrides = [
            Override(service: "web", backend: "b", author: "op", reason: "disk", expiry: 2300),
            Override(service: "web", backend: "a", author: "op", reason: "over", expiry: 1500),
            Override(service: "web", backend: "nobody", author: "op", reason: "?"),
        ]
        try fleet.step(at: 2000)
        #expect(try fleet.notation() == "10.0.0.1:443/tcp -> a #1, b #2 draining, c #3")
        #expect(fleet.generation?.nextDeadline(overrides: fleet.overrides, after: 2000) == 2300)
        #expect(try fleet.step(at: 2299) == nil)
        try fleet.step(at: 2300)
        #expect(try fleet.notation() == "10.0.0.1:443/tcp -> a #1, b #2, c #3")
    }

    @Test func `an override outlives the drain: its backend is left out, and comes back as another`() throws {
        var fleet = try fleet()
        fleet.overrides = [Override(service: "web", backend: "b", author: "op", reason: "disk")]
        try fleet.step(at: 2000)
        try fleet.step(at: 2600)
        #expect(try fleet.notation() == "10.0.0.1:443/tcp -> a #1, c #3")
        #expect(try fleet.step(at: 9000) == nil)
        fleet.overrides = []
        try fleet.step(at: 9001)
        #expect(try fleet.notation() == "10.0.0.1:443/tcp -> a #1, b #4, c #3")
    }

    @Test func `a drain goes on when its override becomes a removal`() throws {
        var fleet = try fleet()
        fleet.overrides = [Override(service: "web", backend: "b", author: "op", reason: "disk")]
        try fleet.step(at: 2000)
        fleet.entries = [try desired("10.0.0.1:443/tcp -> a, c")]
        fleet.overrides = []
        #expect(try fleet.step(at: 2200) == nil)
        try fleet.step(at: 2600)
        #expect(try fleet.notation() == "10.0.0.1:443/tcp -> a #1, c #3")
    }

    @Test func `draining the last backend is held back`() throws {
        var fleet = try fleet("10.0.0.1:443/tcp -> a, b w0")
        let before = fleet.generation
        fleet.overrides = [Override(service: "web", backend: "a", author: "op", reason: "disk")]
        let error = #expect(throws: ValidationError.self) { try fleet.step(at: 2000) }
        #expect(error?.description == "service web: would have no active backend left of 1: held back")
        #expect(error?.exitStatus == 6)
        #expect(fleet.generation == before)
    }

    @Test func `a service that loses all its backends is held back unless that is allowed`() throws {
        var fleet = try fleet()
        fleet.entries = [try desired("10.0.0.1:443/tcp ->")]
        #expect(throws: ValidationError.self) { try fleet.step(at: 2000) }
        let next = try Generation.next(
            desired: DesiredState(entries: fleet.entries), previous: fleet.generation, epoch: 1, seed: 0x5eed,
            now: 2000,
            allowingEmpty: true)
        let service = try #require(next?.services.first)
        #expect(Notation(service).description == "10.0.0.1:443/tcp -> a draining, b draining, c draining")
    }

    @Test func `services are sorted by name, keep ids and tables, and go at once`() throws {
        var fleet = Fleet()
        fleet.entries = [
            try desired("10.0.0.3:53/udp -> x", name: "dns", size: .large),
            try desired("10.0.0.1:443/tcp -> a", name: "web"),
        ]
        try fleet.step(at: 0)
        fleet.entries.append(try desired("10.0.0.2:443/tcp -> a", name: "api", size: .medium))
        try fleet.step(at: 1)
        #expect(fleet.generation?.services.map(\.service.name) == ["api", "dns", "web"])
        #expect(fleet.generation?.services.map(\.id.rawValue) == [3, 1, 2])
        #expect(fleet.generation?.services.map(\.granules) == [70..<86, 0..<65, 65..<70])
        fleet.entries.remove(at: 0)
        try fleet.step(at: 2)
        #expect(fleet.generation?.services.map(\.service.name) == ["api", "web"])
        #expect(fleet.generation?.services.map(\.granules) == [70..<86, 65..<70])
    }

    @Test func `another size of table is another place, settled from the start`() throws {
        var fleet = try fleet()
        fleet.entries = [try desired("10.0.0.1:443/tcp -> a, b, c, d", size: .medium)]
        try fleet.step(at: 2000)
        #expect(try fleet.service().granules == 5..<21)
        #expect(try fleet.service().id == ServiceID(rawValue: 1))
        #expect(try fleet.service().isSettled)
        fleet.entries = [try desired("10.0.0.1:443/tcp -> a, b, c, d", size: .small)]
        try fleet.step(at: 2001)
        #expect(try fleet.service().granules == 0..<5)
    }

    @Test func `the same input in any order gives the same generation`() throws {
        var random = SplitMix(for: "order of entries")
        var entries = try (0..<20).map { try desired("10.0.0.\($0 + 1):80/tcp -> a, b, c, d", name: "s\($0)") }
        var previous: Generation?
        for _ in 0..<5 {
            entries.shuffle(using: &random)
            for index in entries.indices { entries[index].backends.shuffle(using: &random) }
            let next = try Generation.next(
                desired: DesiredState(entries: entries), previous: nil, epoch: 1, seed: 1, now: 0)
            #expect(previous == nil || next == previous, "seed \(random.seed)")
            previous = next
        }
    }
}
