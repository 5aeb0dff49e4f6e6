// SPDX-License-Identifier: Apache-2.0

/// The known word that somebody probably meant.
public enum Nearest {
    /// The candidate at the least distance, the earlier of equals; nil where none is near enough to be meant.
    public static func word(to word: String, among candidates: [String]) -> String? {
        // A key of megabytes is no slip of a finger, and the distance takes the product of both lengths.
        guard word.utf8.count <= 64 else { return nil }
        let typed = word.lowercased()
        var nearest: (word: String, distance: Int)?
        for candidate in candidates {
            let distance = distance(typed, candidate.lowercased())
            guard distance <= max(1, (candidate.count + 1) / 3), distance < nearest?.distance ?? .max else { continue }
            nearest = (candidate, distance)
        }
        return nearest?.word
    }

    /// `; did you mean 'weight'?`, or nothing.
    public static func suggestion(for word: String, among candidates: [String]) -> String {
        Nearest.word(to: word, among: candidates).map { "; did you mean '\($0)'?" } ?? ""
    }

    /// Insertions, deletions, substitutions and swaps of neighbours that make one word the other: the optimal string
    /// alignment distance.
    static func distance(_ one: String, _ other: String) -> Int {
        let (one, other) = (Array(one), Array(other))
        var beforeLast: [Int] = []
        var last = Array(0...other.count)
        for row in one.indices {
            var current = [row + 1]
            for column in other.indices {
                let substituted = last[column] + (one[row] == other[column] ? 0 : 1)
                var best = min(substituted, last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, one[row] == other[column - 1], one[row - 1] == other[column] {
                    best = min(best, beforeLast[column - 1] + 1)
                }
                current.append(best)
            }
            (beforeLast, last) = (last, current)
        }
        return last[other.count]
    }
}
