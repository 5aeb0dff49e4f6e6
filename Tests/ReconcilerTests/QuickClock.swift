// SPDX-License-Identifier: Apache-2.0

/// A clock that runs a hundred times as fast, so that seconds of waiting are milliseconds of testing.
struct QuickClock: Clock {
    struct Instant: InstantProtocol {
        let offset: Duration
        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (one: Instant, other: Instant) -> Bool { one.offset < other.offset }
    }

    private let start = ContinuousClock.now
    private static let speed = 100

    var now: Instant { Instant(offset: start.duration(to: .now) * Self.speed) }
    var minimumResolution: Duration { .microseconds(100) }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        try await ContinuousClock().sleep(until: start.advanced(by: deadline.offset / Self.speed))
    }
}
