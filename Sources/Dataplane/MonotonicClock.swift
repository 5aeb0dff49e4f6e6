// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The clock that the program stamps lines and records by.
public enum MonotonicClock {
    /// Seconds of CLOCK_MONOTONIC, see clock_gettime(2).
    public static func seconds() -> UInt32 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt32(truncatingIfNeeded: time.tv_sec)
    }
}
