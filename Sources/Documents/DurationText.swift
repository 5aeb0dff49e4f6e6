// SPDX-License-Identifier: Apache-2.0

/// Durations as people write them: a whole number and one unit, `500ms`, `2s`, `10m`, `1h`, `1d`.
enum DurationText {
    /// Milliseconds, the largest first.
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1),
    ]

    /// Nil where the text is none, or longer than some 31 years.
    static func duration(_ text: String) -> Duration? {
        let digits = text.prefix { $0.isASCII && $0.isWholeNumber }
        let unit = text[digits.endIndex...]
        guard digits.count <= 12, let count = Int64(digits),
            let milliseconds = units.first(where: { $0.name == unit })?.milliseconds,
            case (let total, let overflow) = count.multipliedReportingOverflow(by: milliseconds),
            !overflow, total <= 1_000_000_000_000
        else { return nil }
        return .milliseconds(total)
    }

    /// In the largest unit that leaves no remainder; what is below a millisecond is left out.
    static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let total = seconds * 1_000 + attoseconds / 1_000_000_000_000_000
        guard total != 0, let unit = units.first(where: { total % $0.milliseconds == 0 }) else { return "0s" }
        return "\(total / unit.milliseconds)\(unit.name)"
    }
}
