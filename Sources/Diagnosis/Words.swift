// SPDX-License-Identifier: Apache-2.0

/// Numbers and lists as people read them.
enum Words {
    /// `1 map`, `17 maps`.
    static func count(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

    /// `812 B`, `34 MB`.
    static func bytes(_ value: UInt64) -> String {
        for (limit, suffix) in [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")] where value >= UInt64(limit) {
            return "\(value / UInt64(limit)) \(suffix)"
        }
        return "\(value) B"
    }

    /// `a`, `a and b`, `a, b and c`; those beyond `limit` are counted.
    static func list(_ words: [String], limit: Int = 5) -> String {
        if words.count > limit {
            return words.prefix(limit).joined(separator: ", ") + " and \(words.count - limit) more"
        }
        guard words.count > 1, let last = words.last else { return words.first ?? "" }
        return words.dropLast().joined(separator: ", ") + " and \(last)"
    }
}
