// SPDX-License-Identifier: Apache-2.0

/// Lists in sentences.
enum Words {
    /// `ipip, gue, l2 or local`.
    static func either(_ words: [String]) -> String { joined(words, "or") }

    private static func joined(_ words: [String], _ last: String) -> String {
        guard words.count > 1 else { return words.first ?? "" }
        return words.dropLast().joined(separator: ", ") + " \(last) \(words[words.count - 1])"
    }
}
