// SPDX-License-Identifier: Apache-2.0

import Glibc

@testable import HTTP

/// The bytes that pairs of hexadecimal digits stand for; blanks may lie between them.
func hex(_ text: String) -> [UInt8] {
    let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

extension [UInt8] {
    var hexadecimal: String {
        map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    var text: String { String(decoding: self, as: UTF8.self) }
}

/// What `body` writes to a writer with `room` bytes.
func written(room: Int = 100_000, _ body: (inout ByteWriter) throws -> Void) rethrows -> [UInt8] {
    try withUnsafeTemporaryAllocation(of: UInt8.self, capacity: room) { memory in
        guard let base = memory.baseAddress else { return [] }
        // Poisoned, so that a byte which nobody wrote shows.
        memset(base, 0xa5, room)
        var writer = ByteWriter(base, capacity: room)
        try body(&writer)
        return Array(writer.written)
    }
}

/// A field line as tests write it, `name: value`; one that may never be indexed has a `!` before it.
struct Field: Equatable, CustomStringConvertible {
    var name: String
    var value: String
    var form = FieldLine.Form.indexed

    init(_ name: String, _ value: String, form: FieldLine.Form = .indexed) {
        self.name = name
        self.value = value
        self.form = form
    }

    init(_ text: String) {
        var rest = text[...]
        if rest.first == "!" {
            form = .neverIndexed
            rest = rest.dropFirst()
        }
        // A pseudo-header's name begins with a colon.
        let colon = rest.dropFirst().firstIndex(of: ":") ?? rest.endIndex
        name = String(rest[..<colon])
        value = rest[colon...].dropFirst().first == " " ? String(rest[colon...].dropFirst(2)) : ""
    }

    var description: String { "\(form == .neverIndexed ? "!" : "")\(name): \(value)" }
}

extension FieldSection {
    /// A section of these lines, as `name: value`.
    init(_ lines: [String], limits: FieldLimits = FieldLimits()) {
        self.init(limits: limits)
        for line in lines { add(Field(line)) }
    }

    mutating func add(_ fields: [Field]) {
        for field in fields { add(field) }
    }

    mutating func add(_ field: Field) {
        let name = Array(field.name.utf8)
        let value = Array(field.value.utf8)
        (name + value + [0]).withUnsafeBufferPointer { text in
            guard let start = text.baseAddress else { return }
            let known = Tables.shared.names.name(start, name.count, hash: FieldHash.hash(start, name.count))
            append(
                FieldLine(
                    start: 0, nameCount: UInt32(name.count), valueCount: UInt32(value.count), hash: 0, name: known,
                    form: field.form, faults: []),
                text: start)
        }
    }

    var fields: [Field] {
        (0..<count).filter { !self[$0].isRemoved }.map { index in
            let line = self[index]
            return Field(
                String(decoding: name(line), as: UTF8.self), String(decoding: value(line), as: UTF8.self),
                form: line.form)
        }
    }

    /// The lines as `name: value`.
    var texts: [String] { fields.map(\.description) }
}
