// SPDX-License-Identifier: Apache-2.0

/// One round of a case: nanoseconds a packet of three programs, measured right after one another.
struct Round: Hashable, Sendable {
    /// A program that does nothing: what measuring itself costs.
    var nothing: Double
    /// What no encapsulating program can undercut.
    var limit: Double
    var program: Double

    var net: Double { program - nothing }

    /// Never 0, whatever the noise of a short measurement.
    var limitNet: Double { max(limit - nothing, 0.1) }

    var ratio: Double { net / limitNet }
}

extension Sequence where Element == Round {
    /// The round whose ratio is the middle one, the lower of two; nil without rounds.
    ///
    /// A whole round, since the three figures of a round were taken under the same conditions.
    var median: Round? { median(by: \.ratio) }
}

extension Sequence {
    /// The element whose key is the middle one, the lower of two; nil if there is none.
    func median(by key: (Element) -> some Comparable) -> Element? {
        let sorted = sorted { key($0) < key($1) }
        return sorted.isEmpty ? nil : sorted[(sorted.count - 1) / 2]
    }
}

/// A figure in so many digits, for reading.
func rounded(_ value: Double, digits: Int = 3) -> Double {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    return (value * scale).rounded() / scale
}
