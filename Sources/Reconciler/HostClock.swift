// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Tells the time to the machines, and sleeps for their loops.
public struct HostClock: Sendable {
    private let uptime: @Sendable () -> Duration
    private let utc: @Sendable () -> Int64
    private let sleeper: @Sendable (Duration) async throws -> Void

    /// `utc` answers seconds since 1970; the system's clock unless told.
    public init<C: Clock>(
        _ clock: C = ContinuousClock(), utc: @escaping @Sendable () -> Int64 = { Int64(time(nil)) }
    ) where C.Duration == Duration {
        let start = clock.now
        uptime = { start.duration(to: clock.now) }
        sleeper = { try await clock.sleep(until: start.advanced(by: $0), tolerance: nil) }
        self.utc = utc
    }

    public var now: Moment { Moment(utc: utc(), uptime: uptime()) }

    /// Until this uptime; throws when it is cancelled.
    func sleep(until uptime: Duration) async throws { try await sleeper(uptime) }
}
