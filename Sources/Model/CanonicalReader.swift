// SPDX-License-Identifier: Apache-2.0

/// A value with the path to it, so that what is wrong is reported with its place.
public struct CanonicalReader {
    public let value: CanonicalValue
    let path: String

    public init(_ bytes: [UInt8]) throws(CanonicalError) {
        value = try CanonicalValue(parsing: bytes)
        path = ""
    }

    private init(_ value: CanonicalValue, at path: String) {
        self.value = value
        self.path = path
    }

    public func fault(_ message: String) -> CanonicalError { CanonicalError(.path(path), message) }

    /// An object of these keys and no others.
    public func object(_ keys: Set<String>) throws(CanonicalError) -> Fields {
        guard case .object(let members) = value else { throw fault("expected an object") }
        if let unknown = members.keys.filter({ !keys.contains($0) }).min() { throw fault("unknown key '\(unknown)'") }
        return Fields(members: members, path: path)
    }

    public func array<Element>(_ read: (CanonicalReader) throws(CanonicalError) -> Element) throws(CanonicalError)
        -> [Element]
    {
        guard case .array(let elements) = value else { throw fault("expected an array") }
        var result: [Element] = []
        for (index, element) in elements.enumerated() {
            result.append(try read(CanonicalReader(element, at: "\(path)[\(index)]")))
        }
        return result
    }

    /// The values of an object, whatever its keys.
    public func dictionary<Element>(
        _ read: (CanonicalReader) throws(CanonicalError) -> Element
    ) throws(CanonicalError) -> [String: Element] {
        guard case .object(let members) = value else { throw fault("expected an object") }
        let fields = Fields(members: members, path: path)
        var result: [String: Element] = [:]
        for key in members.keys { result[key] = try read(try fields[key]) }
        return result
    }

    public func string() throws(CanonicalError) -> String {
        guard case .string(let text) = value else { throw fault("expected a string") }
        return text
    }

    public func count() throws(CanonicalError) -> UInt64 {
        try integer(0...UInt64(CanonicalValue.integers.upperBound))
    }

    public func bool() throws(CanonicalError) -> Bool {
        guard case .bool(let flag) = value else { throw fault("expected true or false") }
        return flag
    }

    public func integer<Number: FixedWidthInteger>(
        _ range: ClosedRange<Number> = .min ... .max
    ) throws(CanonicalError) -> Number {
        guard case .integer(let number) = value else { throw fault("expected an integer") }
        guard let exact = Number(exactly: number), range.contains(exact) else {
            throw fault("\(number) is not within \(range.lowerBound) and \(range.upperBound)")
        }
        return exact
    }

    public func milliseconds() throws(CanonicalError) -> Duration {
        .milliseconds(try integer(0...CanonicalValue.integers.upperBound))
    }

    /// 64 bits as sixteen lower-case hexadecimal digits: JSON's numbers keep 53.
    public func bits() throws(CanonicalError) -> UInt64 {
        let text = try string()
        guard let bits = Numerals.hexadecimal(text, digits: 16...16), text == Numerals.hexadecimal(bits, digits: 16)
        else {
            throw fault("expected sixteen lower-case hexadecimal digits")
        }
        return bits
    }

    /// SHA-256 as 64 lower-case hexadecimal digits.
    public func digest() throws(CanonicalError) -> String {
        let text = try string()
        let digits = text.utf8.allSatisfy { Numerals.nibble($0) != nil && !(0x41...0x46).contains($0) }
        guard digits, text.utf8.count == 64 else { throw fault("expected 64 lower-case hexadecimal digits") }
        return text
    }

    /// A value by its text, which must be exactly as it would be written.
    public func parsed<Value: LosslessStringConvertible>(as what: String) throws(CanonicalError) -> Value {
        let text = try string()
        guard let value = Value(text), value.description == text else { throw fault("'\(text)' is no \(what)") }
        return value
    }

    public func choice<Choice: RawRepresentable & CaseIterable>() throws(CanonicalError) -> Choice
    where Choice.RawValue == String {
        let text = try string()
        guard let choice = Choice(rawValue: text) else {
            throw fault("'\(text)' is none of \(Choice.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return choice
    }

    /// The members of an object.
    public struct Fields {
        let members: [String: CanonicalValue]
        let path: String

        /// Of a key that must be there.
        public subscript(key: String) -> CanonicalReader {
            get throws(CanonicalError) {
                guard let reader = optional(key) else { throw CanonicalError(.path(path), "'\(key)' is missing") }
                return reader
            }
        }

        public func optional(_ key: String) -> CanonicalReader? {
            members[key].map { CanonicalReader($0, at: path.isEmpty ? key : "\(path).\(key)") }
        }
    }
}
