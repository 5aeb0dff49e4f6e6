// SPDX-License-Identifier: Apache-2.0

/// A holder's own reckoning of its lease: told what happened and when, it answers what to do.
///
/// Times are of one clock that never goes back and goes on while the machine sleeps (CLOCK_BOOTTIME). A lease is counted
/// from *before* its request was sent: the store cannot have begun to count earlier. Once its end has passed the lease
/// never opens again, whatever late answer says: the store may have let another in meanwhile.
public struct Lease: Hashable, Sendable {
    public enum Event: Hashable, Sendable {
        /// Nothing but time passed, perhaps a lot: the process was stopped, or the machine slept.
        case tick
        /// The store lengthened it; the request was sent then.
        case renewed(sent: Duration)
        /// No answer, or none that decides.
        case renewFailed(String)
        /// The store says that it is gone.
        case lost
        /// The holder has no use for it any more.
        case resigned(String)
    }

    public enum Action: Hashable, Sendable {
        /// Send a renewal now, and give up waiting for its answer then.
        case renew(until: Duration)
        /// Nothing to do before then.
        case wait(until: Duration)
        /// The end: write no more, end the work, give the lock back if it may still be ours.
        case stepDown(reason: String, release: Bool)
    }

    public let timing: LeaseTiming
    /// No write may begin at this time or later.
    public private(set) var closesAt: Duration
    private var renewsAt: Duration
    private var lastFailure: String?
    private var end: End?

    private struct End: Hashable, Sendable {
        let reason: String
        let release: Bool
    }

    /// A lease that was asked for at `sent` and granted.
    public init(_ timing: LeaseTiming, sent: Duration) {
        self.timing = timing
        closesAt = sent + timing.renewWithin
        renewsAt = sent + timing.retry
    }

    public mutating func handle(_ event: Event, at now: Duration) -> Action {
        if end == nil, now >= closesAt, event != .lost { end = End(reason: overdue(event), release: true) }
        guard end == nil else { return decide(at: now) }
        switch event {
        case .tick: break
        case .renewed(let sent):
            lastFailure = nil
            closesAt = max(closesAt, sent + timing.renewWithin)
            renewsAt = sent + timing.retry
        case .renewFailed(let cause):
            lastFailure = cause
            renewsAt = now + timing.retry
        case .lost: end = End(reason: "the store says that the lease is gone", release: false)
        case .resigned(let reason): end = End(reason: reason, release: true)
        }
        return decide(at: now)
    }

    private func decide(at now: Duration) -> Action {
        if let end { return .stepDown(reason: end.reason, release: end.release) }
        return now >= renewsAt ? .renew(until: min(closesAt, now + max(timing.retry, .seconds(1)))) : wait
    }

    /// A try after the end would come too late: then the end is what is waited for.
    private var wait: Action { .wait(until: min(renewsAt, closesAt)) }

    private func overdue(_ event: Event) -> String {
        if case .resigned(let reason) = event { return reason }
        let cause = if case .renewFailed(let cause) = event { cause } else { lastFailure }
        return "not renewed within \(timing.renewWithin)" + (cause.map { ": \($0)" } ?? "")
    }
}
