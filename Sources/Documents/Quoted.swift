// SPDX-License-Identifier: Apache-2.0

/// What stood in a document, made fit for one line of a terminal.
enum Quoted {
    private static let scalarsMax = 60

    /// In single quotes, cut where it is long, with control characters as their code points.
    static func text(_ text: String) -> String {
        let scalars = text.unicodeScalars
        let shown = scalars.prefix(scalarsMax).map { isPrintable($0) ? String($0) : "<\(codePoint($0))>" }
        return "'" + shown.joined() + (scalars.count > scalarsMax ? "...'" : "'")
    }

    /// `U+000A`.
    static func codePoint(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }

    /// False for what would move the cursor, break the line or turn the direction of writing.
    static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse: false
        default: true
        }
    }
}

extension Quoted {
    /// The same without quotes.
    static func bare(_ text: String) -> String { String(Quoted.text(text).dropFirst().dropLast()) }
}
