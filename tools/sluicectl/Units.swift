// SPDX-License-Identifier: Apache-2.0

/// Numbers as people read them.
enum Units {
    /// `812`, `41.2k`, `3.1M`.
    static func count(_ value: Double) -> String {
        for (limit, divisor, suffix) in [(1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")] where value >= limit {
            return fixed(value / divisor, 1) + suffix
        }
        return fixed(value, value < 10 && value != value.rounded() ? 1 : 0)
    }

    static func count(_ value: UInt64) -> String { count(Double(value)) }

    /// `512 B`, `34.0 MB`.
    static func bytes(_ value: UInt64) -> String {
        for (limit, suffix) in [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")] where value >= UInt64(limit) {
            return fixed(Double(value) / Double(limit), 1) + " " + suffix
        }
        return "\(value) B"
    }

    /// `1 blob`, `3 blobs`.
    static func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

    static func percent(_ part: Int, of whole: Int, digits: Int = 2) -> String {
        whole == 0 ? "-" : fixed(100 * Double(part) / Double(whole), digits) + " %"
    }

    /// `40 s`, `12 min`, `3 h`, `2 d`.
    static func age(seconds: Int64) -> String {
        switch seconds {
        case ..<120: "\(seconds) s"
        case ..<7200: "\(seconds / 60) min"
        case ..<172_800: "\(seconds / 3600) h"
        default: "\(seconds / 86_400) d"
        }
    }

    /// A number with so many digits after the point.
    static func fixed(_ value: Double, _ digits: Int) -> String {
        guard value.isFinite else { return "-" }
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = (value.magnitude * scale).rounded()
        guard digits > 0, scaled < 1e15 else { return "\(Int64(exactly: value.rounded()) ?? 0)" }
        let units = Int64(scaled)
        let fraction = String(units % Int64(scale))
        let sign = value < 0 && units > 0 ? "-" : ""
        return "\(sign)\(units / Int64(scale)).\(String(repeating: "0", count: digits - fraction.count))\(fraction)"
    }
}
