// SPDX-License-Identifier: Apache-2.0

extension CanonicalValue {
    /// Deeper nesting is refused, so that no input exhausts the stack.
    public static let maximumDepth = 32

    /// Reads JSON of the subset, in any order of keys and with any white space: whether it was canonical its digest
    /// tells, or comparing `bytes`.
    ///
    /// - Throws: the first fault with its line and column: syntax (RFC 8259), text that is not UTF-8, a key that stands
    ///   twice, null, fractions, and integers out of range.
    public init(parsing bytes: [UInt8]) throws(CanonicalError) {
        var parser = CanonicalParser(bytes: bytes)
        parser.skipSpace()
        self = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.offset == bytes.count else { throw parser.fault("more text behind the value") }
    }
}

/// A cursor over the text.
private struct CanonicalParser {
    let bytes: [UInt8]
    var offset = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    func fault(_ message: String, at offset: Int? = nil) -> CanonicalError {
        let offset = offset ?? self.offset
        let before = bytes[..<offset]
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        let line = 1 + before.count { $0 == UInt8(ascii: "\n") }
        return CanonicalError(.position(.init(offset: offset, line: line, column: offset - lineStart + 1)), message)
    }

    mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { offset += 1 }
    }

    /// Steps over the byte if it comes next.
    mutating func skip(_ byte: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: byte) else { return false }
        offset += 1
        return true
    }

    mutating func value(depth: Int) throws(CanonicalError) -> CanonicalValue {
        guard let byte = next else { throw fault("the text ends where a value should be") }
        switch byte {
        case UInt8(ascii: "{"): return .object(try object(depth: depth))
        case UInt8(ascii: "["): return .array(try array(depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .integer(try integer())
        default:
            if skip(word: "true") { return .bool(true) }
            if skip(word: "false") { return .bool(false) }
            throw fault(bytes[offset...].starts(with: "null".utf8) ? "null is not used" : "no value begins like this")
        }
    }

    private mutating func skip(word: String) -> Bool {
        guard bytes[offset...].starts(with: word.utf8) else { return false }
        offset += word.utf8.count
        return true
    }

    private mutating func object(depth: Int) throws(CanonicalError) -> [String: CanonicalValue] {
        try open(depth)
        var members: [String: CanonicalValue] = [:]
        guard !skip("}") else { return members }
        repeat {
            skipSpace()
            let start = offset
            guard next == UInt8(ascii: "\"") else { throw fault("expected a key") }
            let key = try string()
            skipSpace()
            guard skip(":") else { throw fault("expected ':'") }
            skipSpace()
            guard members.updateValue(try value(depth: depth + 1), forKey: key) == nil else {
                throw fault("the key stands twice", at: start)
            }
            skipSpace()
        } while skip(",")
        guard skip("}") else { throw fault("expected ',' or '}'") }
        return members
    }

    private mutating func array(depth: Int) throws(CanonicalError) -> [CanonicalValue] {
        try open(depth)
        var elements: [CanonicalValue] = []
        guard !skip("]") else { return elements }
        repeat {
            skipSpace()
            elements.append(try value(depth: depth + 1))
            skipSpace()
        } while skip(",")
        guard skip("]") else { throw fault("expected ',' or ']'") }
        return elements
    }

    private mutating func open(_ depth: Int) throws(CanonicalError) {
        guard depth < CanonicalValue.maximumDepth else {
            throw fault("nested deeper than \(CanonicalValue.maximumDepth)")
        }
        offset += 1
        skipSpace()
    }

    private mutating func integer() throws(CanonicalError) -> Int64 {
        let start = offset
        let negative = skip("-")
        let digits = offset
        while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { offset += 1 }
        if let byte = next, [UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains(byte) {
            throw fault("fractions and exponents are not used")
        }
        let text = String(decoding: bytes[digits..<offset], as: UTF8.self)
        guard !text.isEmpty else { throw fault("a digit is missing") }
        guard text == "0" || !text.hasPrefix("0") else { throw fault("a leading zero", at: start) }
        guard let number = Numerals.decimal(text, max: UInt64(CanonicalValue.integers.upperBound)) else {
            throw fault("an integer beyond 2^53 - 1", at: start)
        }
        guard !negative || number > 0 else { throw fault("a negative zero", at: start) }
        return negative ? -Int64(number) : Int64(number)
    }

    private mutating func string() throws(CanonicalError) -> String {
        let start = offset
        offset += 1
        var text: [UInt8] = []
        while let byte = next, byte != UInt8(ascii: "\"") {
            guard byte >= 0x20 else { throw fault("a control character in a string") }
            if byte == UInt8(ascii: "\\") {
                try escape(into: &text)
            } else {
                text.append(byte)
                offset += 1
            }
        }
        guard skip("\"") else { throw fault("the string does not end", at: start) }
        guard let string = String(validating: text, as: UTF8.self) else {
            throw fault("the string is not UTF-8", at: start)
        }
        return string
    }

    private mutating func escape(into text: inout [UInt8]) throws(CanonicalError) {
        let start = offset
        offset += 1
        guard let letter = next else { throw fault("the string does not end", at: start) }
        offset += 1
        if letter == UInt8(ascii: "/") {
            text.append(letter)
        } else if let value = CanonicalValue.escapes.first(where: { $0.letter == letter })?.value {
            text.append(value)
        } else {
            guard letter == UInt8(ascii: "u") else { throw fault("no such escape", at: start) }
            text.append(contentsOf: String(Character(try scalar(from: start))).utf8)
        }
    }

    /// Behind `\u`: one code unit, or the two of a surrogate pair.
    private mutating func scalar(from start: Int) throws(CanonicalError) -> Unicode.Scalar {
        let first = try codeUnit(from: start)
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xdc00, skip("\\"), skip("u") else { throw fault("half a surrogate pair", at: start) }
        let second = try codeUnit(from: start)
        guard (0xdc00...0xdfff).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first & 0x3ff) << 10 + second & 0x3ff)
        else { throw fault("half a surrogate pair", at: start) }
        return scalar
    }

    private mutating func codeUnit(from start: Int) throws(CanonicalError) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = next, let nibble = Numerals.nibble(digit) else {
                throw fault("an escape of fewer than four digits", at: start)
            }
            unit = unit << 4 | UInt32(nibble)
            offset += 1
        }
        return unit
    }
}
