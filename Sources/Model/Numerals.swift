// SPDX-License-Identifier: Apache-2.0

/// Numbers as they stand in addresses, ports and JSON: ASCII digits alone, where Swift's own parsers also take signs.
enum Numerals {
    /// A decimal number without leading zeros, 0...max.
    static func decimal(_ text: some StringProtocol, max: UInt64) -> UInt64? {
        let digits = text.utf8
        guard let first = digits.first, first != UInt8(ascii: "0") || digits.count == 1 else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            let (tens, tooManyTens) = value.multipliedReportingOverflow(by: 10)
            let (sum, tooMany) = tens.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
            guard !tooManyTens, !tooMany, sum <= max else { return nil }
            value = sum
        }
        return value
    }

    /// A hexadecimal number of so many digits, at most 16.
    static func hexadecimal(_ text: some StringProtocol, digits: ClosedRange<Int>) -> UInt64? {
        guard digits.contains(text.utf8.count) else { return nil }
        var value: UInt64 = 0
        for digit in text.utf8 {
            guard let nibble = nibble(digit) else { return nil }
            value = value << 4 | UInt64(nibble)
        }
        return value
    }

    /// Lower case, filled up with zeros.
    static func hexadecimal(_ value: UInt64, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }

    static func nibble(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
