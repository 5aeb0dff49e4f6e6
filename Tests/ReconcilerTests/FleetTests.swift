// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@testable import Reconciler

/// Stories of a fleet in one process.
struct FleetTests {
    /// Three hosts that have agreed on `a, b, c`.
    private func three(_ text: String = "a, b, c") -> ModelFleet {
        let fleet = ModelFleet("one", "two", "three")
        fleet.apply(text)
        fleet.run(.seconds(10))
        return fleet
    }

    private func texts(_ fleet: ModelFleet) -> [String] { fleet.hosts.map { fleet.text($0.name) } }

    @Test func `what a person applies is what every host does`() {
        let fleet = three()
        #expect(texts(fleet) == ["a, b, c", "a, b, c", "a, b, c"])
        #expect(Set(fleet.hosts.map(\.mark)).count == 1)
        #expect(fleet.faults() == [])
    }

    @Test func `settled membership goes on when every live host reports it`() throws {
        let fleet = three()
        fleet["three"].settles = false
        fleet.apply("a, b, c, d")
        fleet.run(.seconds(20))
        let service = try #require(fleet.store.current?.generation.services.first)
        #expect(!service.isSettled)
        fleet["three"].kill()
        fleet.run(.seconds(60))
        #expect(fleet.store.current?.generation.services.first?.isSettled == true)
        #expect(fleet.text("one") == "a, b, c, d")
    }

    @Test func `a leader that is killed is followed by another, which goes on`() throws {
        let fleet = three()
        let first = try #require(fleet.leader)
        first.kill()
        fleet.run(.seconds(15))
        let second = try #require(fleet.leader)
        #expect(second.name != first.name)
        fleet.apply("a, b")
        fleet.run(.seconds(5))
        #expect(fleet.text(second.name) == "a, b, c draining")
        first.start(at: fleet.now)
        fleet.run(.seconds(5))
        #expect(texts(fleet).allSatisfy { $0 == "a, b, c draining" })
        #expect(fleet.faults() == [])
    }

    @Test func `a leader that slept in the middle of sending is refused by the store`() throws {
        let fleet = three()
        let first = try #require(fleet.leader)
        fleet.apply("a, b")
        first.poll(&fleet.store, at: fleet.now)
        fleet.pass(.seconds(1))
        first.tick(at: fleet.now)
        #expect(first.underWay.count == 1)
        // Stopped, with its request still in the network.
        first.isPaused = true
        first.isCut = true
        fleet.run(.seconds(15))
        #expect(fleet.leader?.name != first.name)
        let before = fleet.store.current
        first.isPaused = false
        first.isCut = false
        first.progress(&fleet.store, at: fleet.now)
        #expect(fleet.store.fenced == 1)
        #expect(fleet.store.current == before)
        fleet.run(.seconds(5))
        #expect(fleet.faults() == [])
    }

    @Test func `with leader and store gone every host takes a dead backend out, also one that reboots`() {
        let fleet = three()
        for host in fleet.hosts { host.isCut = true }
        fleet["one"].kill()
        fleet.run(.seconds(60))
        for host in fleet.hosts { host.down = names("b") }
        fleet["one"].start(at: fleet.now)
        fleet.run(.seconds(5))
        for host in fleet.hosts { #expect(host.kernel?.down.count == 1) }
        #expect(fleet.tables("one") == fleet.tables("two"))
    }

    @Test func `a host that skipped generations in a drain time has the tables of the others`() {
        let fleet = three()
        fleet["three"].isCut = true
        fleet.apply("a, b, c, d")
        fleet.run(.seconds(3))
        fleet.apply("a, b, d")
        fleet.run(.seconds(3))
        fleet["three"].isCut = false
        #expect(fleet.agree())
        #expect(fleet.text("three") == "a, b, c draining, d")
        #expect(fleet.tables("three") == fleet.tables("one"))
    }

    @Test func `a host that joins in a drain time has the tables of the others`() {
        let fleet = ModelFleet("one", "two", "three", candidates: ["one"])
        fleet["three"].kill()
        fleet.apply("a, b, c")
        fleet.run(.seconds(10))
        fleet.apply("a, b")
        fleet.run(.seconds(3))
        fleet["three"].start(at: fleet.now)
        #expect(fleet.agree())
        #expect(fleet.text("three") == "a, b, c draining")
        #expect(fleet.tables("three") == fleet.tables("two"))
    }

    @Test func `a store that is put back in time is healed by what the hosts have seen`() throws {
        let fleet = three()
        let backup = fleet.store
        fleet["one"].kill()
        fleet.run(.seconds(15))
        fleet["one"].start(at: fleet.now)
        fleet.apply("a, b, c, d")
        fleet.run(.seconds(5))
        let seen = try #require(fleet["two"].mark)
        #expect(seen.epoch == 2)
        fleet.store = backup
        fleet.run(.seconds(40))
        #expect(Set(fleet.hosts.map(\.mark)).count == 1)
        #expect(fleet.store.current?.mark == fleet["one"].mark)
        #expect(fleet["one"].mark?.isAbove(seen) == true)
        #expect(fleet.faults(unrestored: false) == [])
    }

    @Test func `a store that is empty leads nobody, and hosts go on`() {
        let fleet = three()
        let before = fleet["one"].mark
        fleet.store = ModelStore()
        fleet.store.identity = nil
        fleet.run(.seconds(60))
        #expect(fleet.hosts.allSatisfy { $0.mark == before && !$0.isLeading })
    }

    @Test func `another fleet's store is refused`() {
        let fleet = three()
        let before = fleet["one"].mark
        let other = ModelFleet("x")
        other.store.identity = FleetIdentity(fleet: "other", id: "two")
        other.apply("y")
        other.run(.seconds(5))
        fleet.store = other.store
        fleet["one"].poll(&fleet.store, at: fleet.now)
        #expect(fleet["one"].mark == before)
        #expect(fleet["one"].host.problems.offer == "the store belongs to fleet other, this host to edge: refused")
    }

    @Test func `a new store of the fleet is taken from an epoch above all that was seen`() {
        let fleet = three()
        let before = fleet["one"].mark
        fleet.store = ModelStore()
        fleet.store.identity = FleetIdentity(fleet: "edge", id: "two")
        var old = fleet["one"].kernel?.publication.generation
        old?.number += 7
        fleet.store.current = old.map { Publication(of: $0) }
        fleet["two"].poll(&fleet.store, at: fleet.now)
        #expect(fleet["two"].mark == before)
        #expect(fleet["two"].host.problems.offer?.contains("another than before") == true)
        fleet.run(.seconds(40))
        #expect(Set(fleet.hosts.map(\.mark)).count == 1)
        #expect(fleet["two"].mark?.epoch == 2)
        #expect(fleet["two"].host.identity?.id == "two")
    }

    @Test func `a lock that is everybody's ends in one publisher an epoch`() {
        let fleet = three()
        fleet.store.grantsToEverybody = true
        fleet.apply("a, b")
        fleet.run(.seconds(30))
        fleet.store.grantsToEverybody = false
        fleet.run(.seconds(60))
        #expect(texts(fleet).allSatisfy { $0 == "a, b" })
        #expect(fleet.faults() == [])
    }

    @Test func `a person's exception drains, and its document goes with its time`() throws {
        let fleet = three()
        let drain = Override(service: "web", backend: "b", author: "eve", reason: "disk", expiry: fleet.now.utc + 10)
        _ = try fleet.store.write(
            OverrideDocument(drain, at: fleet.now.utc).bytes, to: .override("o1"), expecting: .nothing)
        fleet.run(.seconds(3))
        #expect(fleet.text("two") == "a, b draining, c")
        fleet.run(.seconds(15))
        #expect(fleet.text("two") == "a, b, c")
        #expect(fleet.store.documents[.override("o1")] == nil)
    }

    @Test func `the catalog's backends come and go, and a new leader begins with those that are there`() throws {
        let fleet = three("s | web")
        fleet.tell("a", "b")
        fleet.run(.seconds(3))
        #expect(fleet.text("two") == "a, b, s")
        try #require(fleet.leader).kill()
        fleet.run(.seconds(15))
        #expect(fleet.hosts.filter(\.isAlive).allSatisfy { fleet.text($0.name) == "a, b, s" })
        fleet.tell("a", "b", "c")
        fleet.run(.seconds(3))
        #expect(fleet.hosts.filter(\.isAlive).allSatisfy { fleet.text($0.name) == "a, b, c, s" })
        fleet.tell([])
        fleet.run(.seconds(3))
        #expect(fleet.leader?.leader.held.first?.left == 1)
        #expect(fleet.leader.map { fleet.text($0.name) } == "a, b, c, s")
    }

    private func active(_ fleet: ModelFleet) -> Int {
        fleet.store.current?.generation.services.first?.members.count ?? 0
    }

    @Test func `small steps take away no more in a minute than one step may`() {
        let fleet = three("s | web")
        let all = "abcdefghij".map { "\($0)" }
        fleet.tell(all)
        fleet.run(.seconds(70))
        for gone in 1...9 {
            fleet.tell(Array(all.dropFirst(gone)))
            fleet.run(.seconds(2))
        }
        #expect(active(fleet) == 6)
        #expect(fleet.leader?.leader.held.map(\.service) == ["web"])
        fleet.run(.seconds(200))
        #expect(active(fleet) == 6)
    }

    @Test func `what was held goes when the time is over`() {
        let fleet = three("s | web")
        let all = "abcdefghij".map { "\($0)" }
        fleet.tell(all)
        fleet.run(.seconds(70))
        for gone in 1...6 {
            fleet.tell(Array(all.dropFirst(gone)))
            fleet.run(.seconds(2))
        }
        #expect(active(fleet) == 6)
        fleet.run(.seconds(60))
        #expect(active(fleet) == 5)
    }

    @Test func `a deployment that replaces one after the other is free to go on`() {
        let fleet = three("s | web")
        var all = "abcdef".map { "\($0)" }
        fleet.tell(all)
        fleet.run(.seconds(70))
        for new in "ghijkl" {
            all = Array(all.dropFirst()) + ["\(new)"]
            fleet.tell(all)
            fleet.run(.seconds(2))
        }
        let names = fleet.store.current?.generation.services.first?.members.map(\.name)
        #expect(names == ["g", "h", "i", "j", "k", "l", "s"])
    }

    @Test func `a frozen fleet publishes nothing until it is thawed`() {
        let fleet = three()
        fleet.store.editRollout { $0.frozen = Freeze(author: "eve", at: 0, reason: "moving") }
        fleet.apply("a, b")
        fleet.run(.seconds(10))
        #expect(fleet.text("one") == "a, b, c")
        fleet.store.editRollout { $0.frozen = nil }
        fleet.run(.seconds(5))
        #expect(fleet.text("one") == "a, b, c draining")
    }

    @Test func `maps that do not verify are repaired, counted and reported`() {
        let fleet = three()
        fleet["two"].differences = ["slot 7 of web: 3, not 2"]
        fleet.run(.seconds(60))
        #expect(fleet["two"].host.counts.mismatches == 1)
        #expect(fleet["two"].differences == [])
        #expect(fleet["two"].host.problems.verify == nil)
    }

    @Test func `what a living host could not read is not published`() {
        let fleet = ModelFleet("one", "two")
        fleet["two"].generations = 2
        fleet.apply("s | web")
        fleet.run(.seconds(10))
        fleet.apply("sockets: s | web")
        fleet.run(.seconds(10))
        #expect(fleet.store.current?.generation.schema == 1)
        fleet["two"].kill()
        fleet.run(.seconds(60))
        #expect(fleet.store.current?.generation.schema == 3)
    }

    @Test func `listeners are not published while a living host reads less`() throws {
        let fleet = ModelFleet("one", "two")
        fleet["two"].generations = 3
        fleet.apply("s | web")
        fleet.run(.seconds(10))
        fleet.apply("listener: s | web")
        fleet.run(.seconds(10))
        #expect(fleet.store.current?.generation.schema == 1)
        fleet["two"].kill()
        fleet.run(.seconds(60))
        #expect(fleet.store.current?.generation.schema == 4)
    }

    @Test func `a host that comes later and reads less stops no publishing`() {
        let fleet = ModelFleet("one", "two")
        fleet["two"].generations = 2
        fleet["two"].kill()
        fleet.apply("sockets: s | web")
        fleet.run(.seconds(60))
        fleet["two"].start(at: fleet.now)
        fleet.run(.seconds(15))
        let before = fleet.store.current?.generation.number ?? 0
        fleet.apply("sockets: s, t | web")
        fleet.run(.seconds(15))
        #expect(before > 0 && (fleet.store.current?.generation.number ?? 0) > before)
    }

    @Test func `the leader publishes what the oldest live host reads`() {
        let fleet = ModelFleet("one", "two", "three")
        fleet["three"].generations = 1
        fleet.apply("s | web")
        fleet.run(.seconds(10))
        fleet.tell("a", routes: ["example.org/"])
        fleet.run(.seconds(5))
        #expect(fleet.store.current?.generation.schema == 1)
        #expect(fleet.text("three") == "a, s")
        fleet["three"].kill()
        fleet.run(.seconds(60))
        #expect(fleet.store.current?.generation.schema == 2)
        #expect(fleet.store.current?.generation.services.first?.routes.map(\.host) == ["example.org"])
        fleet["three"].start(at: fleet.now)
        fleet.run(.seconds(15))
        #expect(fleet.store.current?.generation.schema == 1)
    }
}
