// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@testable import Reconciler

/// Dialogues of events and actions.
struct HostTests {
    /// A host that runs this publication since second 0.
    private func running(_ publication: Publication, _ host: Host = Host()) -> Host {
        var host = host
        _ = host.handle(.nextHops(hops(for: publication)), at: at(0))
        _ = host.handle(.offered(publication), at: at(0))
        _ = host.handle(.persisted(publication.mark), at: at(0))
        _ = host.handle(.applied(AppliedReport()), at: at(0))
        return host
    }

    @Test func `a generation is persisted before it is applied`() throws {
        var host = Host()
        let first = try publication("a, b")
        _ = host.handle(.nextHops(hops(for: first)), at: at(0))
        #expect(text(host.handle(.offered(first), at: at(0))) == ["persist 1.1"])
        #expect(host.highWater == nil)
        #expect(text(host.handle(.persisted(first.mark), at: at(0))) == ["watch 1.1", "apply 1.1"])
        #expect(host.highWater == mark(1, 1))
    }

    @Test func `what was kept runs first, with what was down`() throws {
        let kept = try publication("a, b")
        var host = Host(kept: kept, highWater: kept.mark, down: [BackendName(service: "web", backend: "b"): 900])
        #expect(text(host.handle(.started, at: at(10))) == ["watch 1.1 less b", "wait 12"])
        #expect(text(host.handle(.nextHops(hops(for: kept)), at: at(10.2))) == ["apply 1.1 less b"])
    }

    @Test func `a backend without next hop holds a generation up no longer than patience`() throws {
        let kept = try publication("a, b")
        var host = Host(kept: kept)
        #expect(text(host.handle(.started, at: at(10))) == ["watch 1.1", "wait 12"])
        #expect(text(host.handle(.nextHops([:]), at: at(10.2))) == ["wait 12"])
        #expect(text(host.handle(.tick, at: at(12))) == ["apply 1.1"])
    }

    @Test func `services of this host's own sockets wait for no next hop`() throws {
        var host = Host()
        let local = try publication(document("a, b", forwarding: .local))
        _ = host.handle(.offered(local), at: at(0))
        #expect(text(host.handle(.persisted(local.mark), at: at(0))) == ["watch 1.1", "apply 1.1"])
    }

    @Test func `a generation below the high-water mark is refused, whatever its number`() throws {
        var host = running(try publication("a, b", epoch: 2, number: 7))
        #expect(text(host.handle(.offered(try publication("a", epoch: 2, number: 6)), at: at(1))) == ["wait 30"])
        #expect(text(host.handle(.offered(try publication("a", epoch: 1, number: 9)), at: at(1))) == ["wait 30"])
        #expect(host.counts.refused == 2)
        #expect(host.problems.offer?.contains("1.9") == true)
        #expect(host.current?.mark == mark(2, 7))
    }

    @Test func `a generation of the same epoch that follows another one's twin is taken, and is a fork`() throws {
        var host = Host(kept: try publication("a, b", number: 4), inFleet: false)
        let twin = try publication("a, c", number: 4, digest: "other")
        _ = host.handle(.offered(try publication("a, c", number: 5, after: twin)), at: at(1))
        #expect(host.counts.forks == 1 && host.counts.wrongPredecessors == 1)
    }

    @Test func `of a fork the one that came first is kept, and it is counted`() throws {
        var host = running(try publication("a, b"))
        let fork = try publication("a, c", digest: "other")
        #expect(text(host.handle(.offered(fork), at: at(1))) == ["wait 30"])
        #expect(host.counts.forks == 1)
        #expect(host.current?.digest == "digest-1-1")
        _ = host.handle(.offered(try publication("a, c", epoch: 2, number: 2)), at: at(2))
        #expect(host.problems.offer == nil)
    }

    @Test func `the same generation again is nothing new`() throws {
        let first = try publication("a, b")
        var host = running(first)
        #expect(text(host.handle(.offered(first), at: at(1))) == ["wait 30"])
        #expect(host.counts == Host.Counts())
    }

    @Test func `a wrong predecessor is counted, not refused`() throws {
        let first = try publication("a, b")
        var host = running(first)
        let second = try publication("a", number: 2)
        #expect(text(host.handle(.offered(second), at: at(1))) == ["persist 1.2", "wait 30"])
        #expect(host.counts.wrongPredecessors == 1)
        let third = try publication("a, b", number: 3, after: second)
        _ = host.handle(.offered(third), at: at(1))
        #expect(host.counts.wrongPredecessors == 1)
    }

    @Test func `of what came while one was persisted the last one counts`() throws {
        let first = try publication("a, b")
        var host = running(first)
        _ = host.handle(.offered(try publication("a", number: 2, after: first)), at: at(1))
        #expect(text(host.handle(.offered(try publication("b", number: 3, after: first)), at: at(1))) == ["wait 30"])
        #expect(text(host.handle(.offered(try publication("a, b", number: 4, after: first)), at: at(1))) == ["wait 30"])
        let actions = text(host.handle(.persisted(mark(1, 2)), at: at(1)))
        #expect(actions == ["watch 1.2", "apply 1.2", "persist 1.4"])
    }

    @Test func `of what came while one was applied the last one counts`() throws {
        let first = try publication("a, b, c")
        var host = running(first)
        #expect(text(host.handle(.down(names("a")), at: at(1))) == ["remember a", "apply 1.1 less a"])
        #expect(text(host.handle(.down(names("a", "b")), at: at(1))) == ["remember a b"])
        #expect(text(host.handle(.down(names("b")), at: at(1))) == ["remember b"])
        #expect(text(host.handle(.applied(AppliedReport()), at: at(1.1))) == ["apply 1.1 less b"])
    }

    @Test func `a dead backend goes while the next generation is still on its way to the disk`() throws {
        let first = try publication("a, b")
        var host = running(first)
        let second = try publication("a, b, c", number: 2, after: first)
        _ = host.handle(.offered(second), at: at(1))
        #expect(text(host.handle(.down(names("a")), at: at(1))) == ["remember a", "apply 1.1 less a"])
    }

    @Test func `a full disk stops the next generation and not the removal of a dead backend`() throws {
        let first = try publication("a, b")
        var host = running(first)
        _ = host.handle(.offered(try publication("a, b, c", number: 2, after: first)), at: at(1))
        let failed = host.handle(.persistFailed("write x: No space left on device"), at: at(1))
        #expect(text(failed) == ["wait 1.5"])
        #expect(host.problems.persist == "write x: No space left on device")
        #expect(text(host.handle(.down(names("a")), at: at(1.2))) == ["remember a", "apply 1.1 less a", "wait 1.5"])
        #expect(text(host.handle(.tick, at: at(1.5))) == ["persist 1.2"])
        #expect(host.highWater == mark(1, 1))
    }

    @Test func `a failed apply is tried again later and later`() throws {
        let first = try publication("a, b")
        var host = Host()
        _ = host.handle(.nextHops(hops(for: first)), at: at(0))
        _ = host.handle(.offered(first), at: at(0))
        _ = host.handle(.persisted(first.mark), at: at(0))
        #expect(text(host.handle(.applyFailed("map full"), at: at(0))) == ["wait 0.5"])
        #expect(host.problems.apply == "map full")
        #expect(text(host.handle(.tick, at: at(0.4))) == ["wait 0.5"])
        #expect(text(host.handle(.tick, at: at(0.5))) == ["apply 1.1"])
        #expect(text(host.handle(.applyFailed("map full"), at: at(0.5))) == ["wait 1.5"])
        _ = host.handle(.tick, at: at(1.5))
        _ = host.handle(.applied(AppliedReport()), at: at(1.6))
        #expect(host.problems.apply == nil)
        #expect(host.counts.failedApplies == 2)
    }

    @Test func `what was left out of an apply is tried again later and later, and puts off nothing else`() throws {
        let first = try publication("a, b")
        var host = running(first)
        _ = host.handle(.disturbed, at: at(1))
        let partial = AppliedReport(isComplete: false)
        #expect(text(host.handle(.applied(partial), at: at(1))).contains("wait 1.5"))
        #expect(text(host.handle(.tick, at: at(1.5))) == ["apply 1.1"])
        let settling = host.settleAt
        #expect(text(host.handle(.applied(partial), at: at(1.6))).contains("wait 2.6"))
        #expect(host.settleAt == settling)
        var moved = hops(for: first)
        moved.removeValue(forKey: moved.keys.min() ?? IPAddress(v4: 0))
        #expect(text(host.handle(.nextHops(moved), at: at(1.7))) == ["apply 1.1"])
        #expect(text(host.handle(.applied(AppliedReport()), at: at(1.8))).contains { $0.hasPrefix("apply") } == false)
        #expect(host.counts.failedApplies == 0)
    }

    @Test func `the removal of a dead backend and a new generation do not wait for a back-off`() throws {
        let first = try publication("a, b, c")
        var host = running(first)
        _ = host.handle(.down(names("a")), at: at(1))
        _ = host.handle(.applyFailed("busy"), at: at(1))
        #expect(text(host.handle(.down(names("b")), at: at(1.1))) == ["remember b", "apply 1.1 less b"])
        _ = host.handle(.applyFailed("busy"), at: at(1.1))
        #expect(text(host.handle(.down([]), at: at(1.2))) == ["remember", "wait 2.1"])
        let second = try publication("a, b", number: 2, after: first)
        _ = host.handle(.offered(second), at: at(1.3))
        #expect(text(host.handle(.persisted(second.mark), at: at(1.3))) == ["watch 1.2", "apply 1.2"])
    }

    @Test func `a backend is down since it was first seen so`() throws {
        var host = running(try publication("a, b, c, d"))
        _ = host.handle(.down(names("a")), at: at(10))
        _ = host.handle(.down(names("a", "b")), at: at(20))
        #expect(host.down.values.sorted() == [1010, 1020])
        #expect(text(host.handle(.down(names("a", "b")), at: at(30))).contains { $0.hasPrefix("remember") } == false)
    }

    @Test func `a service whose brake holds the down set back is isolated`() throws {
        var host = running(try publication("a, b"))
        _ = host.handle(.down(names("a")), at: at(1))
        #expect(host.isolated == [])
        _ = host.handle(.down(names("a", "b")), at: at(2))
        #expect(host.isolated == ["web"])
        _ = host.handle(.down(names("b")), at: at(3))
        #expect(host.isolated == [])
    }

    @Test func `next hops that change are applied`() throws {
        let first = try publication("a, b")
        var host = running(first)
        #expect(text(host.handle(.nextHops([:]), at: at(1))) == ["apply 1.1"])
        _ = host.handle(.applied(AppliedReport()), at: at(1))
        #expect(text(host.handle(.nextHops([:]), at: at(2))) == ["wait 30"])
    }

    @Test func `what was disturbed is applied again`() throws {
        var host = running(try publication("a, b"))
        #expect(text(host.handle(.disturbed, at: at(1))) == ["apply 1.1"])
        _ = host.handle(.applied(AppliedReport()), at: at(1))
        #expect(text(host.handle(.tick, at: at(2))) == ["wait 30"])
    }

    @Test func `slots are looked at until all have settled, and each look is reported`() throws {
        let first = try publication(document("a, b", flowIdle: .seconds(80)))
        var host = running(first)
        #expect(text(host.handle(.tick, at: at(5))) == ["wait 10"])
        #expect(text(host.handle(.tick, at: at(10))) == ["settle"])
        #expect(text(host.handle(.settled([]), at: at(10))) == ["report  under 1.1", "wait 20"])
        _ = host.handle(.tick, at: at(20))
        #expect(text(host.handle(.settled(["web"]), at: at(20))) == ["report web under 1.1", "wait 3620"])
        #expect(host.settledServices == ["web"])
        _ = host.handle(.down(names("a")), at: at(30))
        #expect(text(host.handle(.applied(AppliedReport()), at: at(30))) == ["wait 40"])
        #expect(host.settledServices == [])
    }

    @Test func `a backend that flaps does not put settling off`() throws {
        var host = running(try publication(document("a, b", flowIdle: .seconds(80))))
        for second in [3.0, 6, 9] {
            let isDown = second != 6
            #expect(
                text(host.handle(.down(isDown ? names("a") : []), at: at(second))).contains { $0.hasPrefix("apply") })
            _ = host.handle(.applied(AppliedReport()), at: at(second))
        }
        #expect(text(host.handle(.tick, at: at(10))) == ["settle"])
    }

    @Test func `while an order keeps failing nothing wakes for a verification that is due`() throws {
        var host = running(try publication("a, b"), Host(verifyInterval: .seconds(20)))
        _ = host.handle(.disturbed, at: at(19))
        let actions = host.handle(.applyFailed("no"), at: at(25))
        let wakes = actions.compactMap { if case .wait(let uptime) = $0 { uptime } else { nil } }
        #expect(!wakes.isEmpty && wakes.allSatisfy { $0 > .seconds(25) }, "\(text(actions))")
    }

    @Test func `what settled before a change says nothing after it`() throws {
        var host = running(try publication("a, b"))
        _ = host.handle(.tick, at: at(30))
        _ = host.handle(.down(names("a")), at: at(30.1))
        #expect(text(host.handle(.settled(["web"]), at: at(30.2))) == [])
        #expect(host.settledServices == [])
    }

    @Test func `a mark that outlived its generation takes it from the store again`() throws {
        let first = try publication("a, b", epoch: 2, number: 7)
        var host = Host(kept: nil, highWater: first.mark)
        #expect(text(host.handle(.offered(try publication("a", epoch: 2, number: 6)), at: at(0))) == [])
        #expect(host.counts.refused == 1)
        #expect(text(host.handle(.offered(first), at: at(0))) == ["persist 2.7"])
    }

    @Test func `a generation that outlived its mark is the mark`() throws {
        let kept = try publication("a, b", epoch: 2, number: 7)
        #expect(Host(kept: kept, highWater: mark(2, 6)).highWater == mark(2, 7))
        #expect(Host(kept: kept, highWater: mark(3, 1)).highWater == mark(3, 1))
    }
}

/// A word an action; a wait for nothing is left out.
func text(_ actions: [Host.Action]) -> [String] {
    actions.compactMap { action in
        switch action {
        case .persist(let publication): "persist \(pair(publication.generation))"
        case .persistCanary(let publication, let unconfirmed):
            "persist canary \(pair(publication.generation)) of \(unconfirmed.rollout)"
        case .recall(let publication, let mark):
            "recall \(pair(publication.generation)) below \(mark.epoch).\(mark.number)"
        case .adopt(let identity): "adopt \(identity)"
        case .verify(let order): "verify \(pair(order.publication.generation))"
        case .watch(let generation, let down):
            "watch \(pair(generation))" + (down.isEmpty ? "" : " less \(list(down.map(\.backend)))")
        case .apply(let order): "apply \(pair(order.publication.generation))\(less(order))"
        case .remember(let down): (["remember"] + down.keys.map(\.backend).sorted()).joined(separator: " ")
        case .settle: "settle"
        case .report(let services, let mark): "report \(list(services)) under \(mark.epoch).\(mark.number)"
        case .wait(let uptime): uptime.map { "wait \(seconds($0))" }
        }
    }
}

private func pair(_ generation: Generation) -> String { "\(generation.epoch).\(generation.number)" }

private func list(_ names: some Sequence<String>) -> String { names.sorted().joined(separator: " ") }

private func less(_ order: Order) -> String {
    let backends = order.publication.generation.services.flatMap(\.backends).filter { order.down.contains($0.id) }
    return backends.isEmpty ? "" : " less \(list(backends.map(\.backend.name)))"
}

private func seconds(_ duration: Duration) -> String {
    let tenths = duration / .milliseconds(100)
    return tenths.truncatingRemainder(dividingBy: 10) == 0 ? "\(Int(tenths) / 10)" : "\(tenths / 10)"
}
