// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc

/// One target with its probe and what is known of it. Its monitor alone touches it.
final class Watched {
    var target: ProbeTarget
    var schedule: ProbeSchedule
    /// Nil until probing begins.
    var probe: Probe?
    var timer: TimerID?
    var isProbing = false
    private var state: HealthState
    private var since: Int64
    private var lastError: String?

    init(_ target: ProbeTarget, _ standing: HealthState.Standing) {
        self.target = target
        schedule = ProbeSchedule(for: target.key, every: target.check.interval, from: .now)
        state = HealthState(standing)
        since = Self.secondsNow
        if target.port == 0 { lastError = "no port to probe" }
        if target.isHeld { lastError = "not probed yet: its tunnel is not set up" }
    }

    var verdict: Verdict { Verdict(standing: state.standing, since: since, lastError: lastError) }

    /// Takes other settings for the same subject.
    func change(to target: ProbeTarget) {
        if target.check.interval != self.target.check.interval {
            schedule = ProbeSchedule(for: target.key, every: target.check.interval, from: .now)
        }
        self.target = target
    }

    /// Answers whether the standing changed.
    func record(_ result: Probe.Result) -> Bool {
        if case .failure(let cause) = result { lastError = cause }
        let changed = state.record(success: result == .success, rise: target.check.rise, fall: target.check.fall)
        if changed { since = Self.secondsNow }
        return changed
    }

    private static var secondsNow: Int64 { Int64(time(nil)) }
}
