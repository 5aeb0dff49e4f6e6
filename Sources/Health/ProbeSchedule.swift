// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// When a target's probes begin: every interval, at a place within it that comes from the target's name alone. So a
/// thousand backends are probed evenly, and the same on every start.
struct ProbeSchedule: Hashable {
    private(set) var next: MonotonicInstant
    private let interval: Int64

    init(for key: ProbeTarget.Key, every interval: Duration, from now: MonotonicInstant) {
        self.interval = max(interval.wholeNanoseconds, 1_000_000)
        next = now.advanced(by: .nanoseconds(Self.place(of: key, within: self.interval)))
    }

    /// The next beginning after `now`; those that were missed are left out.
    mutating func advance(past now: MonotonicInstant) {
        let late = max(0, now.nanoseconds - next.nanoseconds)
        next = MonotonicInstant(nanoseconds: next.nanoseconds + (late / interval + 1) * interval)
    }

    /// FNV-1a of the names, finished so that names which differ in their last byte are far apart.
    private static func place(of key: ProbeTarget.Key, within interval: Int64) -> Int64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in Array(key.service.utf8) + [0] + Array(key.backend.utf8) {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        hash = (hash ^ hash >> 32) &* 0xd6e8_feb8_6659_fd93
        return Int64((hash ^ hash >> 29) % UInt64(interval))
    }
}
