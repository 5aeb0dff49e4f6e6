// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@testable import Reconciler

/// A change on its way through a fleet.
struct CanaryTests {
    /// Three hosts on `a, b`, and a canary of `a, b, c` on the first.
    private func canary(within seconds: Int64 = 60) -> ModelFleet {
        let fleet = ModelFleet("one", "two", "three")
        fleet.apply("a, b")
        fleet.run(.seconds(10))
        fleet.canary("a, b, c", on: "one", within: seconds)
        fleet.run(.seconds(5))
        return fleet
    }

    private func texts(_ fleet: ModelFleet) -> [String] { fleet.hosts.map { fleet.text($0.name) } }

    @Test func `its hosts run it, the others what was before`() {
        let fleet = canary()
        #expect(texts(fleet) == ["a, b, c", "a, b", "a, b"])
        #expect(fleet.faults() == [])
    }

    @Test func `confirmed, it is what all hosts run and what the fleet desires`() {
        let fleet = canary()
        fleet.decide(.confirmed)
        fleet.run(.seconds(10))
        #expect(texts(fleet) == ["a, b, c", "a, b, c", "a, b, c"])
        #expect(Set(fleet.hosts.map(\.mark)).count == 1)
        #expect(fleet.store.documents[.desired]?.digest == fleet.store.rollout?.to)
        #expect(fleet.store.rollout?.isOver == true)
        #expect(fleet.faults() == [])
    }

    @Test func `rolled back, its hosts have what the others have, under a higher number`() throws {
        let fleet = canary()
        let tried = try #require(fleet["one"].mark)
        fleet.decide(.rolledBack)
        fleet.run(.seconds(10))
        #expect(texts(fleet) == ["a, b, c draining", "a, b, c draining", "a, b, c draining"])
        #expect(fleet["one"].mark?.isAbove(tried) == true)
        fleet.run(.seconds(30))
        #expect(texts(fleet) == ["a, b", "a, b", "a, b"])
        #expect(fleet.faults() == [])
    }

    @Test func `nobody confirms it in time`() {
        let fleet = canary(within: 20)
        fleet.run(.seconds(30))
        #expect(fleet.store.rollout?.reason == "nobody confirmed it in time")
        fleet.run(.seconds(30))
        #expect(texts(fleet) == ["a, b", "a, b", "a, b"])
        #expect(fleet["one"].recalls == 0)
    }

    @Test func `maps that do not verify roll it back`() {
        let fleet = canary(within: 200)
        fleet["one"].differences = ["slot 7 of web: 3, not 2"]
        fleet.run(.seconds(60))
        #expect(
            fleet.store.rollout?.reason == "the maps of host one do not verify: slot 7 of web: 3, not 2")
    }

    @Test func `a host that is silent rolls it back`() {
        let fleet = canary(within: 200)
        fleet["one"].isCut = true
        fleet.run(.seconds(45))
        #expect(fleet.store.rollout?.reason == "host one does not report")
        fleet["one"].isCut = false
        fleet.run(.seconds(60))
        #expect(texts(fleet) == ["a, b", "a, b", "a, b"])
    }

    @Test func `drops that rise roll it back, those that go on as before do not`() {
        let fleet = ModelFleet("one", "two", "three")
        fleet.apply("a, b")
        func run(_ seconds: Int, drops: UInt64) {
            for _ in 0..<seconds {
                fleet.run(.seconds(1))
                fleet["one"].drops["no backend", default: 0] += drops
            }
        }
        run(30, drops: 50)
        fleet.canary("a, b, c", on: "one", within: 200)
        run(60, drops: 50)
        #expect(fleet.store.rollout?.state == .canary)
        run(30, drops: 1000)
        #expect(fleet.store.rollout?.reason == "host one drops more: no backend")
    }

    @Test func `drops where there were none before roll it back`() {
        let fleet = ModelFleet("one", "two", "three")
        fleet.apply("a, b")
        fleet["one"].drops["no backend"] = 0
        fleet.run(.seconds(30))
        fleet.canary("a, b, c", on: "one", within: 200)
        for _ in 0..<60 {
            fleet.run(.seconds(1))
            fleet["one"].drops["no backend", default: 0] += 500
        }
        #expect(fleet.store.rollout?.reason == "host one drops more: no backend")
    }

    @Test func `a leader that is killed in the middle is followed by one that goes on from what was left`() throws {
        let fleet = canary(within: 60)
        let leader = try #require(fleet.leader)
        fleet.run(.seconds(20))
        leader.kill()
        fleet.run(.seconds(12))
        let left = try #require(fleet.store.rollout?.remaining)
        #expect((20...45).contains(left))
        #expect(fleet.leader != nil)
        if leader.name == "one" { leader.start(at: fleet.now) }
        fleet.run(.seconds(55))
        #expect(fleet.store.rollout?.state == .rolledBack)
        #expect(fleet.faults() == [])
    }

    @Test func `a host that the change cut off goes back by itself, and keeps its high-water mark`() throws {
        let fleet = canary(within: 20)
        let tried = try #require(fleet["one"].mark)
        fleet["one"].isCut = true
        fleet.run(.seconds(70))
        #expect(fleet.text("one") == "a, b")
        #expect(fleet["one"].recalls == 1)
        #expect(fleet["one"].host.highWater == tried)
        fleet["one"].isCut = false
        fleet.run(.seconds(60))
        #expect(texts(fleet) == ["a, b", "a, b", "a, b"])
        #expect(fleet["one"].mark?.isAbove(tried) == true)
    }

    @Test func `a host that reboots in the middle goes on with it, and still goes back by itself`() {
        let fleet = canary(within: 20)
        fleet["one"].kill()
        fleet["one"].isCut = true
        fleet["one"].start(at: fleet.now)
        fleet.run(.seconds(5))
        #expect(fleet.text("one") == "a, b, c")
        fleet.run(.seconds(60))
        #expect(fleet.text("one") == "a, b")
    }

    @Test func `what the catalog changes meanwhile reaches both lines`() {
        let fleet = ModelFleet("one", "two", "three")
        fleet.apply("s | web")
        fleet.run(.seconds(10))
        fleet.tell("a", "b")
        fleet.run(.seconds(5))
        fleet.canary("s, t | web", on: "one", within: 100)
        fleet.run(.seconds(5))
        fleet.tell("a", "c")
        fleet.run(.seconds(5))
        #expect(texts(fleet) == ["a, b draining, c, s, t", "a, b draining, c, s", "a, b draining, c, s"])
        let ids = fleet.hosts.map { host in
            host.kernel?.publication.generation.services[0].backends.first { $0.backend.name == "c" }?.id
        }
        #expect(Set(ids).count == 1)
        fleet.decide(.confirmed)
        fleet.run(.seconds(5))
        #expect(Set(fleet.hosts.map(\.mark)).count == 1)
        #expect(fleet.text("two") == "a, b draining, c, s, t")
    }

    @Test func `for all hosts at once it is tried, and goes back where nobody confirms it`() {
        let fleet = ModelFleet("one", "two", "three")
        fleet.apply("a, b")
        fleet.run(.seconds(10))
        fleet.canary("a, b, c", within: 20)
        fleet.run(.seconds(5))
        #expect(texts(fleet) == ["a, b, c", "a, b, c", "a, b, c"])
        fleet.run(.seconds(50))
        #expect(texts(fleet) == ["a, b", "a, b", "a, b"])
    }

    @Test func `the first of all documents, rolled back, leaves nothing on its hosts`() {
        let fleet = ModelFleet("one", "two")
        fleet.run(.seconds(10))
        fleet.canary("a, b", on: "one")
        fleet.run(.seconds(10))
        #expect(fleet.text("one") == "a, b")
        fleet.decide(.rolledBack)
        fleet.run(.seconds(10))
        #expect(texts(fleet) == ["nothing", "nothing"])
        #expect(fleet.store.rollout?.isOver == true)
        #expect(fleet.faults() == [])
    }

    @Test func `a document that cannot be is rolled back with its reason`() {
        let fleet = ModelFleet("one", "two")
        fleet.apply("a, b")
        fleet.run(.seconds(10))
        fleet.canary("x w0", on: "one")
        fleet.run(.seconds(5))
        #expect(fleet.store.rollout?.state == .rolledBack)
        #expect(fleet.store.rollout?.reason?.contains("weight is 0") == true)
        #expect(fleet.store.rollout?.isOver == true)
    }

    @Test func `confirmed, and its document is missing: both lines stay until it is there`() throws {
        let fleet = canary()
        let to = try #require(fleet.store.rollout?.to)
        let bytes = fleet.store.blobs.removeValue(forKey: to)
        fleet.decide(.confirmed)
        fleet.run(.seconds(60))
        #expect(texts(fleet) == ["a, b, c", "a, b", "a, b"])
        #expect(fleet.store.rollout?.isOver == false)
        #expect(fleet.leader?.leader.rollout.trouble?.contains("sluicectl rollback") == true)
        fleet.store.blobs[to] = bytes
        try #require(fleet.leader).kill()
        fleet.run(.seconds(30))
        #expect(fleet.store.current.map { text($0.generation).hasSuffix("web: a, b, c") } == true)
        #expect(fleet.store.rollout?.isOver == true)
        #expect(fleet.faults() == [])
    }

    @Test func `a confirmed document that the next leader cannot read is not dropped by it`() throws {
        let fleet = canary()
        let to = try #require(fleet.store.rollout?.to)
        try #require(fleet.leader).kill()
        let removed = fleet.store.blobs.removeValue(forKey: to)
        let bytes = try #require(removed)
        fleet.decide(.confirmed)
        fleet.store.documents[.desired] = StoredDocument(bytes: bytes, digest: to)
        for host in fleet.hosts { host.cannotRead = [to] }
        fleet.run(.seconds(30))
        #expect(fleet.leader != nil)
        #expect(fleet.store.rollout?.isOver == false)
        #expect(fleet.store.current.map { text($0.generation).hasSuffix("web: a, b") } == true)
        for host in fleet.hosts { host.cannotRead = [] }
        try #require(fleet.leader).kill()
        for host in fleet.hosts where !host.isAlive { host.start(at: fleet.now) }
        #expect(fleet.agree(within: .seconds(60)))
        #expect(fleet.text("two") == "a, b, c")
    }
}
