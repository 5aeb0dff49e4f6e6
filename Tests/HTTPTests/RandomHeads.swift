// SPDX-License-Identifier: Apache-2.0

import TestSupport

@testable import HTTP

/// Heads as clients might send them: names and values that come again, and some that do not.
struct RandomHeads {
    var random: SplitMix
    private var seen: [Field] = []

    init(random: SplitMix) { self.random = random }

    mutating func next() -> [Field] {
        (0..<Int.random(in: 1...20, using: &random)).map { _ in field() }
    }

    private mutating func field() -> Field {
        if Int.random(in: 0..<3, using: &random) > 0, let again = seen.randomElement(using: &random) {
            // The same name with another value now and then.
            return Bool.random(using: &random) ? again : Field(again.name, value(), form: again.form)
        }
        let known = FieldName.allCases.dropFirst().randomElement(using: &random) ?? .path
        let isKnown = Bool.random(using: &random)
        let name = isKnown ? "\(FieldName.texts[Int(known.rawValue)])" : text(1...30, "abcdefgh-019_")
        let forms: [FieldLine.Form] = [.indexed, .indexed, .indexed, .plain, .neverIndexed]
        let field = Field(name, value(), form: forms.randomElement(using: &random) ?? .indexed)
        seen.append(field)
        if seen.count > 60 { seen.removeFirst(30) }
        return field
    }

    private mutating func value() -> String {
        let isLong = Int.random(in: 0..<30, using: &random) == 0
        return text(0...(isLong ? 5000 : 60), "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789 /=;,.-_\"{}~^|")
    }

    private mutating func text(_ lengths: ClosedRange<Int>, _ letters: String) -> String {
        let letters = Array(letters)
        return String(
            (0..<Int.random(in: lengths, using: &random)).map { _ in letters.randomElement(using: &random) ?? "x" })
    }
}
