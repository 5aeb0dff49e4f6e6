// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Coordination

@Suite struct LeaseTests {
    /// Lease 15 s, renewed within 10 s, tried each 2 s; asked for at 100 s.
    private var lease = Lease(.standard, sent: .seconds(100))

    private func at(_ seconds: Double) -> Duration { .milliseconds(Int64(seconds * 1000)) }

    @Test func `it is renewed a retry after it was asked for`() {
        var lease = lease
        #expect(lease.handle(.tick, at: at(100.5)) == .wait(until: at(102)))
        #expect(lease.handle(.tick, at: at(102)) == .renew(until: at(104)))
    }

    @Test func `a renewal counts from before it was sent`() {
        var lease = lease
        #expect(lease.handle(.renewed(sent: at(102)), at: at(103.5)) == .wait(until: at(104)))
        #expect(lease.closesAt == at(112))
    }

    @Test func `a renewal that fails is tried again until the time to renew is over`() {
        var lease = lease
        #expect(lease.handle(.renewFailed("no route"), at: at(103)) == .wait(until: at(105)))
        #expect(lease.handle(.tick, at: at(105)) == .renew(until: at(107)))
        #expect(lease.handle(.renewFailed("no route"), at: at(109)) == .wait(until: at(110)))
        #expect(
            lease.handle(.tick, at: at(110))
                == .stepDown(reason: "not renewed within 10.0 seconds: no route", release: true))
    }

    @Test func `a lease that the store has ended is not given back`() {
        var lease = lease
        #expect(
            lease.handle(.lost, at: at(103))
                == .stepDown(reason: "the store says that the lease is gone", release: false))
    }

    @Test func `who slept past its end steps down, though the store would renew`() {
        var lease = lease
        #expect(
            lease.handle(.tick, at: at(400)) == .stepDown(reason: "not renewed within 10.0 seconds", release: true))
        #expect(
            lease.handle(.renewed(sent: at(400)), at: at(400))
                == .stepDown(reason: "not renewed within 10.0 seconds", release: true))
    }

    @Test func `an answer that comes after the end does not open it again`() {
        var lease = lease
        #expect(
            lease.handle(.renewed(sent: at(109)), at: at(111))
                == .stepDown(reason: "not renewed within 10.0 seconds", release: true))
    }

    @Test func `a renewal that was overtaken does not shorten it`() {
        var lease = lease
        _ = lease.handle(.renewed(sent: at(104)), at: at(105))
        _ = lease.handle(.renewed(sent: at(102)), at: at(105))
        #expect(lease.closesAt == at(114))
    }

    @Test func `who resigns gives back`() {
        var lease = lease
        #expect(lease.handle(.resigned("stopped"), at: at(101)) == .stepDown(reason: "stopped", release: true))
    }

    @Test(arguments: [(15.0, 15.0, 2.0), (15, 10, 9), (10, 12, 2), (15, 10, 0), (15, 2.4, 2)])
    func `timings that leave no room are refused`(lease: Double, renew: Double, retry: Double) {
        #expect(throws: StoreError.self) {
            try LeaseTiming(lease: at(lease), renewWithin: at(renew), retry: at(retry))
        }
    }

    @Test func `a lease alone gets timings that pass`() throws {
        let timing = try LeaseTiming(lease: .seconds(3))
        #expect(timing.renewWithin == .seconds(2))
    }
}

@Suite struct GateTests {
    @Test func `it closes by the clock, before any task has noticed`() throws {
        let clock = ManualUptime()
        let gate = Gate(closesAt: .seconds(10), now: { clock.now })
        try gate.check()
        clock.now = .seconds(10)
        #expect(throws: LeadershipLost.self) { try gate.check() }
    }

    @Test func `once closed it stays closed`() {
        let clock = ManualUptime()
        let gate = Gate(closesAt: .seconds(10), now: { clock.now })
        clock.now = .seconds(11)
        gate.extend(to: .seconds(30))
        #expect(!gate.isOpen)
        #expect(gate.remaining == .zero)
    }

    @Test func `the first reason stands`() {
        let gate = Gate(closesAt: .seconds(10), now: { .zero })
        gate.close("a host reports a higher epoch")
        gate.close("stopped")
        #expect(throws: LeadershipLost(reason: "a host reports a higher epoch")) { try gate.check() }
    }

    @Test func `time since boot goes on`() {
        let first = BootClock.now()
        #expect(first > .zero)
        #expect(BootClock.now() >= first)
    }
}
