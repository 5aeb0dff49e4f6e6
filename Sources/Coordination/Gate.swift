// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// Time since boot, the time asleep included.
public enum BootClock {
    /// CLOCK_BOOTTIME, clock_gettime(2): it never goes back, and a suspended machine's lease runs on in it.
    @Sendable public static func now() -> Duration {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    static func sleep(until instant: Duration, now: @Sendable () -> Duration = BootClock.now) async throws {
        let left = instant - now()
        if left > .zero { try await Task.sleep(for: left, tolerance: .milliseconds(1)) }
    }
}

/// What a holder asks, synchronously, before each write: it answers by the clock, not by what some task has noticed.
///
/// A process that was stopped past its lease and wakes between two instructions finds it closed at its next write,
/// before any task of its own has run. What was already on its way is the store's to refuse.
public final class Gate: Sendable {
    private struct State {
        var closesAt: Duration
        var reason: String?
    }

    private let state: Mutex<State>
    private let now: @Sendable () -> Duration

    init(closesAt: Duration, now: @escaping @Sendable () -> Duration = BootClock.now) {
        state = Mutex(State(closesAt: closesAt))
        self.now = now
    }

    /// Throws `LeadershipLost` once the lease may be over.
    public func check() throws(LeadershipLost) {
        if let reason = closedBecause { throw LeadershipLost(reason: reason) }
    }

    public var isOpen: Bool { closedBecause == nil }

    /// How long writes may still begin; zero when it is closed.
    public var remaining: Duration {
        state.withLock { $0.reason == nil ? max(.zero, $0.closesAt - now()) : .zero }
    }

    /// On the clock since boot: no write may begin then, unless the lease is renewed before.
    public var closesAt: Duration { state.withLock { $0.closesAt } }

    /// Later than before, and not at all once it has closed.
    func extend(to closesAt: Duration) {
        state.withLock { state in
            settle(&state)
            if state.reason == nil { state.closesAt = max(state.closesAt, closesAt) }
        }
    }

    /// Closes for good; the first reason stands.
    func close(_ reason: String) {
        state.withLock { state in
            settle(&state)
            if state.reason == nil { state.reason = reason }
        }
    }

    var reason: String { closedBecause ?? "" }

    private var closedBecause: String? {
        state.withLock { state in
            settle(&state)
            return state.reason
        }
    }

    private func settle(_ state: inout State) {
        if state.reason == nil, now() >= state.closesAt { state.reason = "the lease was not renewed in time" }
    }
}

/// A holder that may write no more.
public struct LeadershipLost: Error, Hashable, Sendable, CustomStringConvertible {
    public let reason: String

    public init(reason: String) { self.reason = reason }

    public var description: String { "leads no more: \(reason)" }
}
