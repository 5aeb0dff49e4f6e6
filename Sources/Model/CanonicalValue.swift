// SPDX-License-Identifier: Apache-2.0

/// A value of canonical JSON: one value has one sequence of bytes on every host, so that a digest stands for it.
///
/// The subset of RFC 8785 without fractions and null. Numbers that need all of 64 bits are written as strings.
public enum CanonicalValue: Hashable, Sendable {
    /// Two keys that Unicode holds equal are one key here.
    case object([String: CanonicalValue])
    case array([CanonicalValue])
    case string(String)
    /// -(2^53 - 1)...2^53 - 1, what every JSON implementation keeps exactly; the reader refuses others.
    case integer(Int64)
    case bool(Bool)

    /// What `integer` may hold.
    public static let integers: ClosedRange<Int64> = -9_007_199_254_740_991...9_007_199_254_740_991

    /// UTF-8 without white space, keys in the order of their UTF-16 code units (RFC 8785, section 3.2.3).
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        write(to: &bytes)
        return bytes
    }

    private func write(to bytes: inout [UInt8]) {
        switch self {
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            let sorted = members.sorted { $0.key.utf16.lexicographicallyPrecedes($1.key.utf16) }
            for (index, (key, value)) in sorted.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                Self.write(key, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                value.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                element.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .string(let text): Self.write(text, to: &bytes)
        case .integer(let number): bytes.append(contentsOf: String(number).utf8)
        case .bool(let flag): bytes.append(contentsOf: (flag ? "true" : "false").utf8)
        }
    }

    /// Escapes what must be and nothing else (RFC 8785, section 3.2.2.2).
    private static func write(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            if byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
                bytes.append(byte)
            } else if let letter = escapes.first(where: { $0.value == byte })?.letter {
                bytes += [UInt8(ascii: "\\"), letter]
            } else {
                bytes.append(contentsOf: ("\\u" + Numerals.hexadecimal(UInt64(byte), digits: 4)).utf8)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// The escapes of one letter.
    static let escapes: [(letter: UInt8, value: UInt8)] = [
        (UInt8(ascii: "b"), 0x08), (UInt8(ascii: "t"), 0x09), (UInt8(ascii: "n"), 0x0a), (UInt8(ascii: "f"), 0x0c),
        (UInt8(ascii: "r"), 0x0d), (UInt8(ascii: "\""), UInt8(ascii: "\"")), (UInt8(ascii: "\\"), UInt8(ascii: "\\")),
    ]
}

/// Why bytes are no canonical value, or a value not what it should say; with the place.
public struct CanonicalError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Where in the text: byte from 0, line and column (in bytes) from 1.
    public struct Position: Hashable, Sendable {
        public let offset: Int
        public let line: Int
        public let column: Int
    }

    public enum Place: Hashable, Sendable {
        /// Of a fault in the text itself.
        case position(Position)
        /// Of a value that cannot stand there: `backends[2].weight`; empty for the whole.
        case path(String)
    }

    public let place: Place
    public let message: String

    public init(_ place: Place, _ message: String) {
        self.place = place
        self.message = message
    }

    public var description: String {
        switch place {
        case .position(let at): "line \(at.line), column \(at.column): \(message)"
        case .path(""): message
        case .path(let path): "\(path): \(message)"
        }
    }
}
