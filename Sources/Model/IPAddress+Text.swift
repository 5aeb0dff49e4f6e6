// SPDX-License-Identifier: Apache-2.0

extension IPAddress: LosslessStringConvertible {
    /// Reads `192.0.2.1` (four decimal octets without leading zeros) or `2001:db8::1` (RFC 4291, section 2.2, also with
    /// a dotted tail; no zone). `::ffff:192.0.2.1` is the same as `192.0.2.1`. Nil for anything else.
    public init?(_ text: String) {
        if text.utf8.contains(UInt8(ascii: ":")) {
            self.init(v6: text)
        } else {
            guard let bits = Self.v4Bits(text[...]) else { return nil }
            self.init(v4: bits)
        }
    }

    /// As RFC 5952 writes it; an IPv4 address as four decimal octets.
    public var description: String {
        guard !isIPv4 else {
            return [24, 16, 8, 0].map { String(v4Bits >> $0 & 0xff) }.joined(separator: ".")
        }
        let groups = self.groups
        func text(_ range: Range<Int>) -> String {
            groups[range].map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard let zeros = Self.longestZeros(groups) else { return text(0..<8) }
        return text(0..<zeros.lowerBound) + "::" + text(zeros.upperBound..<8)
    }

    private init?(v6 text: String) {
        let halves = Self.split(text)
        guard halves.count <= 2, let head = Self.groups(halves[0]) else { return nil }
        var groups = head
        if halves.count == 2 {
            // A dotted tail may only end the address, and "::" stands for one group at least.
            guard !halves[0].utf8.contains(UInt8(ascii: ".")), let tail = Self.groups(halves[1]),
                head.count + tail.count < 8
            else { return nil }
            groups += [UInt16](repeating: 0, count: 8 - head.count - tail.count) + tail
        }
        guard groups.count == 8 else { return nil }
        func number(_ four: ArraySlice<UInt16>) -> UInt64 { four.reduce(0) { $0 << 16 | UInt64($1) } }
        self.init(high: number(groups[..<4]), low: number(groups[4...]))
    }

    /// The parts that each `::` sets apart.
    private static func split(_ text: String) -> [Substring] {
        var parts: [Substring] = []
        var rest = text[...]
        while let mark = rest.utf8.indices.first(where: { rest.utf8[$0...].starts(with: "::".utf8) }) {
            parts.append(rest[..<mark])
            rest = rest[rest.utf8.index(mark, offsetBy: 2)...]
        }
        return parts + [rest]
    }

    /// Groups of up to four digits, the last of which may be two as a dotted tail; none for empty text.
    private static func groups(_ text: Substring) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        let words = text.split(separator: ":", omittingEmptySubsequences: false)
        var groups: [UInt16] = []
        for (index, word) in words.enumerated() {
            if let value = Numerals.hexadecimal(word, digits: 1...4) {
                groups.append(UInt16(value))
            } else if index == words.count - 1, let bits = v4Bits(word) {
                groups += [UInt16(bits >> 16), UInt16(bits & 0xffff)]
            } else {
                return nil
            }
        }
        return groups
    }

    private static func v4Bits(_ text: Substring) -> UInt32? {
        let words = text.split(separator: ".", omittingEmptySubsequences: false)
        guard words.count == 4 else { return nil }
        var bits: UInt32 = 0
        for word in words {
            guard let octet = Numerals.decimal(word, max: 255) else { return nil }
            bits = bits << 8 | UInt32(octet)
        }
        return bits
    }

    private var groups: [UInt16] {
        (0..<8).map { UInt16(truncatingIfNeeded: ($0 < 4 ? high : low) >> UInt64(48 - 16 * ($0 % 4))) }
    }

    /// The first of the longest runs of two zero groups or more (RFC 5952, section 4.2).
    private static func longestZeros(_ groups: [UInt16]) -> Range<Int>? {
        var longest = 0..<1
        var start = 0
        for index in groups.indices {
            if groups[index] != 0 {
                start = index + 1
            } else if index + 1 - start > longest.count {
                longest = start..<index + 1
            }
        }
        return longest.count > 1 ? longest : nil
    }
}
