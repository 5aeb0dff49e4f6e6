// SPDX-License-Identifier: Apache-2.0

/// Tells the catalogs' time, and sleeps for their loops.
public struct CatalogClock: Sendable {
    private let uptime: @Sendable () -> Duration
    private let sleeper: @Sendable (Duration) async throws -> Void

    public init<C: Clock>(_ clock: C = ContinuousClock()) where C.Duration == Duration {
        let start = clock.now
        uptime = { start.duration(to: clock.now) }
        sleeper = { try await clock.sleep(until: start.advanced(by: $0), tolerance: nil) }
    }

    /// Since the clock was made.
    public var now: Duration { uptime() }

    /// Throws when the task is cancelled.
    func sleep(until time: Duration) async throws {
        guard time > now else { return try Task.checkCancellation() }
        try await sleeper(time)
    }
}
