// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@testable import Reconciler

/// Dialogues of events and actions.
struct LeaderTests {
    /// A leader of epoch 1 that has published `a, b` at second 0.
    private func leader(drain: Duration = .seconds(600)) throws -> (leader: Leader, published: Publication) {
        var leader = Leader(seed: 7)
        _ = leader.handle(.desired(try document("a, b", drain: drain)), at: at(0))
        let action = leader.handle(.elected(epoch: 1, stored: nil, kept: nil), at: at(0))
        let generation = try #require(action.generation)
        let publication = Publication(generation: generation, digest: "digest-1-1")
        _ = leader.handle(.published(publication), at: at(0))
        return (leader, publication)
    }

    @Test func `nothing is published before the election`() throws {
        var leader = Leader(seed: 7)
        #expect(leader.handle(.desired(try document("a, b")), at: at(0)) == .wait(until: nil))
        let action = leader.handle(.elected(epoch: 4, stored: nil, kept: nil), at: at(1))
        #expect(action.text == "publish 4.1 web: a, b")
        #expect(action.generation?.seed == 7)
    }

    @Test func `what changes nothing is not published`() throws {
        var (leader, _) = try leader()
        #expect(leader.handle(.desired(try document("b, a")), at: at(5)) == .wait(until: .seconds(65)))
    }

    @Test func `each generation follows the one before it`() throws {
        var (leader, _) = try leader()
        let action = leader.handle(.desired(try document("a, b, c")), at: at(5))
        #expect(action.text == "publish 1.2 web: a, b, c after 1.1")
        #expect(action.generation?.predecessor == "digest-1-1")
    }

    @Test func `at most one generation a second, and the last document counts`() throws {
        var (leader, _) = try leader()
        #expect(leader.handle(.desired(try document("a, b, c")), at: at(0.3)) == .wait(until: .seconds(1)))
        #expect(leader.handle(.desired(try document("a, b, d")), at: at(0.6)) == .wait(until: .seconds(1)))
        #expect(leader.handle(.tick, at: at(1)).text == "publish 1.2 web: a, b, d after 1.1")
    }

    @Test func `what a backend's drain or its slots want waits for its turn, and is in no change's way`() {
        var pace = PublishPace()
        pace.published(.change, at: .seconds(5))
        #expect(!pace.allows(.upkeep, at: .seconds(5.9)) && !pace.allows(.change, at: .seconds(5.9)))
        pace.published(.upkeep, at: .seconds(6))
        #expect(!pace.allows(.upkeep, at: .seconds(6.1)) && pace.allows(.change, at: .seconds(6.1)))
        pace.published(.change, at: .seconds(6.1))
        // It has had the next one's turn.
        #expect(!pace.allows(.change, at: .seconds(7.9)) && pace.allows(.change, at: .seconds(8)))
    }

    @Test func `removals go first, and over time there is one generation a second all the same`() {
        var pace = PublishPace()
        var times: [Duration] = []
        for tenth in 0..<300 where pace.allows(.removal, at: .milliseconds(100 * tenth)) {
            pace.published(.removal, at: .milliseconds(100 * tenth))
            times.append(.milliseconds(100 * tenth))
        }
        #expect(times.prefix(3) == [.zero, .milliseconds(100), .milliseconds(200)])
        #expect(times.count == 32)
    }

    @Test func `while one is being published the next waits`() throws {
        var (leader, _) = try leader()
        let first = try #require(leader.handle(.desired(try document("a, b, c")), at: at(5)).generation)
        #expect(leader.handle(.desired(try document("a, b, d")), at: at(9)) == .wait(until: nil))
        let published = Publication(generation: first, digest: "digest-1-2")
        let next = leader.handle(.published(published), at: at(9.1))
        #expect(next.text == "publish 1.3 web: a, b, c draining, d after 1.2")
    }

    @Test func `a bad document is reported, and what ran goes on and still drains`() throws {
        var (leader, _) = try leader(drain: .seconds(10))
        let without = leader.handle(.desired(try document("a", drain: .seconds(10))), at: at(5))
        let draining = try #require(without.generation)
        _ = leader.handle(.published(Publication(generation: draining, digest: "digest-1-2")), at: at(5))

        var bad = try document("a")
        bad.entries += bad.entries
        #expect(leader.handle(.desired(bad), at: at(7)) == .wait(until: .seconds(15)))
        #expect(leader.problem?.contains("web") == true)
        #expect(leader.handle(.tick, at: at(15)).text == "publish 1.3 web: a after 1.2")
        #expect(leader.problem != nil)
    }

    @Test func `a good document after a bad one clears the problem`() throws {
        var (leader, _) = try leader()
        var bad = try document("a")
        bad.entries += bad.entries
        _ = leader.handle(.desired(bad), at: at(7))
        _ = leader.handle(.desired(try document("a, b")), at: at(8))
        #expect(leader.problem == nil)
    }

    @Test func `a refusal ends the leadership, the next election goes on from the store`() throws {
        var (leader, first) = try leader()
        _ = leader.handle(.desired(try document("a, b, c")), at: at(5))
        #expect(leader.handle(.refused("another leads"), at: at(6)) == .stand)
        #expect(leader.fenced == 1)
        #expect(leader.handle(.tick, at: at(7)) == .wait(until: nil))

        let theirs = try publication("a, b, x", epoch: 2, number: 2, after: first)
        let action = leader.handle(.elected(epoch: 3, stored: theirs, kept: first), at: at(8))
        #expect(action.text == "publish 3.3 web: a, b, c, x draining after 2.2")
    }

    @Test func `a host's other digest of the leader's own pair is counted, and ends the leadership`() throws {
        var (leader, _) = try leader()
        let other = Mark(epoch: 1, number: 1, digest: "other")
        let report = HostReport(host: "edge2", instance: "1", highWater: other, beat: 1)
        #expect(leader.handle(.reports([report]), at: at(1)) == .stand)
        #expect(leader.forks == 1)
    }

    @Test func `a failed write is tried again later and later, with what is newest then`() throws {
        var (leader, _) = try leader()
        _ = leader.handle(.desired(try document("a, b, c")), at: at(5))
        #expect(leader.handle(.failed("No space left on device"), at: at(5)) == .wait(until: .seconds(6)))
        #expect(leader.problem == "No space left on device")
        #expect(leader.handle(.desired(try document("a, b, d")), at: at(5.5)) == .wait(until: .seconds(6)))
        let again = leader.handle(.tick, at: at(6))
        #expect(again.text == "publish 1.2 web: a, b, d after 1.1")
        #expect(leader.handle(.failed("No space left on device"), at: at(6)) == .wait(until: .seconds(8)))
        let published = Publication(generation: try #require(again.generation), digest: "digest-1-2")
        _ = leader.handle(.published(published), at: at(8))
        #expect(leader.problem == nil)
    }

    @Test func `settled services are published when they were settled under what is current`() throws {
        var (leader, _) = try leader()
        let second = try #require(leader.handle(.desired(try document("a, b, c")), at: at(5)).generation)
        let published = Publication(generation: second, digest: "digest-1-2")
        #expect(!second.services[0].isSettled)
        _ = leader.handle(.published(published), at: at(5))

        #expect(leader.handle(.settled(["web"], under: mark(1, 1)), at: at(9)) == .wait(until: .seconds(69)))
        let third = leader.handle(.settled(["web"], under: mark(1, 2)), at: at(9))
        #expect(third.text == "publish 1.3 web: a, b, c after 1.2")
        #expect(third.generation?.services[0].isSettled == true)
    }

    @Test func `a drain of a person is published, and its end is waited for`() throws {
        var (leader, _) = try leader()
        let drain = Override(service: "web", backend: "b", author: "eve", reason: "disk", expiry: 1030)
        let action = leader.handle(.overrides([drain]), at: at(5))
        #expect(action.text == "publish 1.2 web: a, b draining after 1.1")
        let published = Publication(generation: try #require(action.generation), digest: "digest-1-2")
        #expect(leader.handle(.published(published), at: at(5)) == .wait(until: .seconds(6)))
        #expect(leader.handle(.tick, at: at(6)) == .wait(until: .seconds(30)))
        #expect(leader.handle(.tick, at: at(30)).text == "publish 1.3 web: a, b after 1.2")
    }

    @Test func `a service that drains would leave with nothing keeps what it has, and the others go on`() throws {
        var leader = Leader(seed: 7)
        var both = try document("a, b")
        both.entries += try document("x, y", service: "mail", vip: "10.0.0.2:25/tcp").entries
        _ = leader.handle(.desired(both), at: at(0))
        let first = try #require(leader.handle(.elected(epoch: 1, stored: nil, kept: nil), at: at(0)).generation)
        _ = leader.handle(.published(Publication(generation: first, digest: "digest-1-1")), at: at(0))
        func drain(_ service: String, _ backend: String) -> Override {
            Override(service: service, backend: backend, author: "eve", reason: "")
        }
        let action = leader.handle(.overrides([drain("web", "a"), drain("web", "b"), drain("mail", "x")]), at: at(5))
        #expect(action.text == "publish 1.2 mail: x draining, y; web: a, b after 1.1")
        #expect(leader.held.map(\.service) == ["web"])
        #expect(leader.held.first?.description.contains("sluicectl backend enable web/BACKEND") == true)
        #expect(leader.problem == nil)
    }

    @Test func `what another leader took away a moment ago counts for the brake`() throws {
        let first = try publication("a, b, c, d, e, f, g, h, i, j, s")
        let second = try publication("a, b, c, d, e, s", number: 2, after: first)
        var leader = Leader(seed: 7)
        var wanted = try document("s")
        let query = CatalogQuery(service: "web")
        wanted.entries[0].query = query
        let instances = ["a", "b", "c", "d"].map {
            CatalogInstance(name: $0, address: Notation.address(of: $0, like: IPAddress(v4: 1)), port: 80)
        }
        let service = CatalogService(reading: ServiceReading(instances: instances))
        _ = leader.handle(.catalog(Catalog(services: [query: service])), at: at(5))
        _ = leader.handle(.desired(wanted), at: at(5))
        _ = leader.handle(.elected(epoch: 2, stored: second, kept: nil), at: at(5))
        #expect(
            leader.held.map(\.description) == [
                "service web: the catalog would leave 5 of 11 active; 1 stay, held back by the brake"
            ])
    }

    @Test func `a store that was put back in time is healed by what this host kept`() throws {
        var leader = Leader(seed: 9)
        let old = try publication("a", epoch: 1, number: 3)
        let kept = try publication("a, b", epoch: 2, number: 7, after: old)
        let action = leader.handle(.elected(epoch: 3, stored: old, kept: kept), at: at(0))
        #expect(action.text == "publish 3.8 web: a, b after 1.3")
        #expect(action.generation?.seed == 7)
    }

    @Test func `a store that was lost is filled again from what this host kept`() throws {
        var leader = Leader(seed: 9)
        let kept = try publication("a, b", epoch: 2, number: 7)
        let action = leader.handle(.elected(epoch: 3, stored: nil, kept: kept), at: at(0))
        #expect(action.text == "publish 3.8 web: a, b")
    }

    @Test func `before any document is read, drains work on what ran last`() throws {
        var leader = Leader(seed: 9)
        let stored = try publication("a, b", epoch: 2, number: 7)
        let first = leader.handle(.elected(epoch: 3, stored: stored, kept: stored), at: at(0))
        #expect(first == .wait(until: .seconds(60)))
        let drain = Override(service: "web", backend: "b", author: "eve", reason: "disk")
        let action = leader.handle(.overrides([drain]), at: at(5))
        #expect(action.text == "publish 3.8 web: a, b draining after 2.7")
    }

    @Test func `what a document had taken out does not come back before the next one is read`() throws {
        let first = try publication("a, b")
        let second = try publication("a", number: 2, after: first)
        #expect(text(second.generation) == "1.2 web: a, b draining")
        #expect(DesiredState(asOf: second.generation, overrides: []).entries[0].backends.map(\.name) == ["a"])
        let drain = Override(service: "web", backend: "b", author: "eve", reason: "disk")
        let drained = DesiredState(asOf: second.generation, overrides: [drain])
        #expect(drained.entries[0].backends.map(\.name) == ["a", "b"])
    }
}

extension Leader.Action {
    var generation: Generation? {
        switch self {
        case .publish(let generation, _), .keep(let generation): return generation
        default: return nil
        }
    }

    /// `publish 1.2 web: a, b after 1.1`
    var text: String {
        switch self {
        case .publish(let generation, let predecessor):
            let after = predecessor.map { " after \($0.epoch).\($0.number)" } ?? ""
            return "publish \(ReconcilerTests.text(generation))\(after)"
        case .keep(let generation): return "keep \(ReconcilerTests.text(generation))"
        case .write(let bytes, let key, _): return bytes == nil ? "remove \(key)" : "write \(key)"
        case .deleteBlobs(let digests): return "delete \(digests.sorted().joined(separator: " "))"
        case .stand: return "stand"
        case .wait(let uptime): return "wait until \(uptime.map { "\($0)" } ?? "told")"
        }
    }
}
