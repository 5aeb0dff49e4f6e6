// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HTTP

/// A head that is too large costs its stream; the connection's compression goes on (RFC 9113, 10.5.1).
struct HPACKLimitTests {
    @Test func `a hundred and one lines are too many, and the table goes on`() throws {
        var decoder = HeaderDecoder()
        var section = FieldSection()
        let indexed = [UInt8](repeating: 0xbe, count: 100)
        try decoder.decode((hex("4001610162") + indexed + hex("4001630164")).span, into: &section)
        #expect(section.excess == .lines)
        #expect(section.count == 0)
        section.clear()
        try decoder.decode(hex("bebf").span, into: &section)
        #expect(section.texts == ["c: d", "a: b"])
    }

    @Test func `a bomb of indexed lines is counted and not stored`() throws {
        var decoder = HeaderDecoder()
        var section = FieldSection(limits: FieldLimits(bytes: 8192, lines: 1000))
        let value = [UInt8](repeating: 0x78, count: 3000)
        try decoder.decode((hex("400161 7fb916") + value).span, into: &section)
        #expect(section.count == 1)
        try decoder.decode([UInt8](repeating: 0xbe, count: 16_000).span, into: &section)
        #expect(section.excess == .bytes)
        #expect(section.size == 16_001 * 3033)
        #expect(section.used == 0)
    }

    @Test func `a literal larger than the limit is passed over and empties the table`() throws {
        var decoder = HeaderDecoder(tableSize: 100)
        var section = FieldSection(limits: FieldLimits(bytes: 128, lines: 10))
        try decoder.decode(hex("4001610162").span, into: &section)
        let value = [UInt8](repeating: 0x78, count: 200)
        try decoder.decode((hex("400161 7f49") + value + hex("82")).span, into: &section)
        #expect(section.excess == .bytes)
        #expect(decoder.tableCount == 0)
    }

    @Test func `a literal that only the section is too full for enters the table`() throws {
        var decoder = HeaderDecoder(tableSize: 128)
        var section = FieldSection(limits: FieldLimits(bytes: 128, lines: 10))
        let value = [UInt8](repeating: 0x78, count: 60)
        try decoder.decode((hex("000161 3c") + value).span, into: &section)
        #expect(section.count == 1)
        try decoder.decode((hex("400162 3c") + value).span, into: &section)
        #expect(section.excess == .bytes)
        #expect(decoder.tableCount == 1)
        section.clear()
        try decoder.decode(hex("be").span, into: &section)
        #expect(section.texts == ["b: " + String(repeating: "x", count: 60)])
    }

    @Test func `a literal larger than any table is passed over, and the block goes on`() throws {
        var decoder = HeaderDecoder()
        var section = FieldSection(limits: FieldLimits(bytes: 512, lines: 10))
        try decoder.decode(hex("4001610162").span, into: &section)
        let length = written { PrefixedInteger.write(70_000, bits: 7, pattern: 0, to: &$0) }
        let literal = hex("400163") + length + [UInt8](repeating: 0x78, count: 70_000)
        try decoder.decode((literal + hex("4001640165")).span, into: &section)
        #expect(section.excess == .bytes)
        #expect(decoder.tableCount == 1)
        section.clear()
        try decoder.decode(hex("be").span, into: &section)
        #expect(section.texts == ["d: e"])
    }

    @Test func `faults are found where bytes are read and stay with the entry`() throws {
        var decoder = HeaderDecoder()
        var section = FieldSection()
        // A name in upper case and a value with a line feed, indexed; then both by their index.
        try decoder.decode(hex("4001 41 01 62  4001 63 01 0a").span, into: &section)
        #expect(section.faults == [.name, .value])
        section.clear()
        try decoder.decode(hex("bf").span, into: &section)
        #expect(section.faults == .name)
        section.clear()
        try decoder.decode(hex("be").span, into: &section)
        #expect(section.faults == .value)
    }
}
