// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@testable import Reconciler

/// A host with a canary: dialogues of events and actions.
struct HostCanaryTests {
    private let identity = FleetIdentity(fleet: "edge", id: "one")

    /// A canary of this generation on host `one`.
    private func rollout(
        _ canary: Publication?, remaining: Int64 = 60, state: Rollout.State = .canary, outcome: Mark? = nil,
        from: String? = nil
    ) -> HostRollout {
        let rollout = Rollout(
            id: "r1", state: state, hosts: ["one"], from: from, to: "to", canary: canary?.mark, author: "eve", at: 1000,
            remaining: remaining, outcome: outcome)
        return HostRollout(rollout, on: "one", canary: canary, identity: identity)
    }

    /// A host that runs a canary since second 0, and what it ran before.
    private func host(before: Publication?, canary: Publication) -> Host {
        var host = Host(inFleet: true)
        _ = host.handle(.nextHops(hops(for: canary)), at: at(0))
        _ = host.handle(.rollout(nil), at: at(0))
        if let before {
            _ = host.handle(.offered(before, by: identity), at: at(0))
            _ = host.handle(.persisted(before.mark), at: at(0))
            _ = host.handle(.applied(AppliedReport()), at: at(0))
        }
        _ = host.handle(.rollout(rollout(canary)), at: at(0))
        _ = host.handle(.persisted(canary.mark), at: at(0))
        _ = host.handle(.applied(AppliedReport()), at: at(0))
        return host
    }

    @Test func `reading the same again does not put off when it goes back by itself`() throws {
        let before = try publication("a, b")
        let canary = try publication("a, b, c", number: 2, after: before)
        var host = host(before: before, canary: canary)
        for second in [30.0, 60, 80] { _ = host.handle(.rollout(rollout(canary)), at: at(second)) }
        #expect(host.deadline == .seconds(90))
        #expect(text(host.handle(.tick, at: at(90))).contains("recall 1.1 below 1.2"))
    }

    @Test func `a host that had lost what the fleet has stays on the canary when its time is over`() throws {
        let canary = try publication("a, b, c", number: 2)
        var host = Host(inFleet: true)
        _ = host.handle(.nextHops(hops(for: canary)), at: at(0))
        _ = host.handle(.rollout(rollout(canary, from: "before")), at: at(0))
        _ = host.handle(.persisted(canary.mark), at: at(0))
        _ = host.handle(.applied(AppliedReport()), at: at(0))
        #expect(host.current?.mark == canary.mark)
        #expect(!text(host.handle(.tick, at: at(200))).contains("recall"))
        #expect(host.current?.mark == canary.mark)
    }

    @Test func `a leader that counts on puts it off`() throws {
        let before = try publication("a, b")
        let canary = try publication("a, b, c", number: 2, after: before)
        var host = host(before: before, canary: canary)
        _ = host.handle(.rollout(rollout(canary, remaining: 55)), at: at(20))
        #expect(host.deadline == .seconds(105))
    }

    @Test func `a verdict that could not be persisted yet is taken though the host has gone back meanwhile`() throws {
        let before = try publication("a, b")
        let canary = try publication("a, b, c", number: 2, after: before)
        var host = host(before: before, canary: canary)
        let verdict = try publication("a, b, d", number: 3, after: canary)
        _ = host.handle(.rollout(rollout(canary, state: .rolledBack, outcome: verdict.mark)), at: at(80))
        _ = host.handle(.offered(verdict, by: identity), at: at(80))
        for second in [80.0, 81, 83, 86] {
            _ = host.handle(.persistFailed("No space left on device"), at: at(second))
            _ = host.handle(.tick, at: at(second + 0.1))
        }
        _ = host.handle(.tick, at: at(95))
        _ = host.handle(.persistFailed("No space left on device"), at: at(95))
        _ = host.handle(.tick, at: at(130))
        _ = host.handle(.persisted(verdict.mark), at: at(131))
        #expect(host.current?.mark == verdict.mark)
        #expect(host.highWater == verdict.mark)
    }

    @Test func `it does not go back while a generation is on its way to the disk`() throws {
        let before = try publication("a, b")
        let canary = try publication("a, b, c", number: 2, after: before)
        var host = host(before: before, canary: canary)
        let next = try publication("a, b, c, d", number: 3, after: canary)
        #expect(text(host.handle(.rollout(rollout(next)), at: at(89))).contains("persist canary 1.3 of r1"))
        let due = host.handle(.tick, at: at(90))
        #expect(!text(due).contains { $0.hasPrefix("recall") })
        let wakes = due.compactMap { if case .wait(let uptime) = $0 { uptime } else { nil } }
        #expect(wakes.allSatisfy { $0 > .seconds(90) })
        #expect(text(host.handle(.persisted(next.mark), at: at(91))).contains("recall 1.1 below 1.3"))
        #expect(host.current?.mark == before.mark)
    }

    @Test func `a host that ran nothing before goes back to nothing, which is none of the fleet's generations`() throws
    {
        let canary = try publication("a, b")
        var host = host(before: nil, canary: canary)
        #expect(text(host.handle(.tick, at: at(90))).contains("recall 0.0 below 1.1"))
        #expect(host.current?.generation.services == [])
        #expect(host.confirmed == nil)
        #expect(host.highWater == canary.mark)
    }

    @Test func `where what ran before is lost it stays where it is`() throws {
        let canary = try publication("a, b", number: 2)
        let lost = Unconfirmed(rollout: "r1", remaining: 5, fallback: nil)
        var host = Host(kept: canary, highWater: canary.mark, unconfirmed: lost, identity: identity, inFleet: true)
        _ = host.handle(.started, at: at(0))
        _ = host.handle(.nextHops(hops(for: canary)), at: at(0))
        _ = host.handle(.tick, at: at(60))
        #expect(host.current?.mark == canary.mark)
    }
}
