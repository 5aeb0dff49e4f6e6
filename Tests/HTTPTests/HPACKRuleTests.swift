// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HTTP

/// What RFC 7541 says a decoder must refuse, and what it must take.
struct HPACKRuleTests {
    struct Row: CustomTestStringConvertible, Sendable {
        var rule: String
        var hex: String
        var error: HPACKError
        var testDescription: String { rule }

        init(_ rule: String, _ hex: String, _ error: HPACKError) {
            self.rule = rule
            self.hex = hex
            self.error = error
        }
    }

    static let refused = [
        Row("2.3.3: an index beyond both tables", "be", .badIndex),
        Row("2.3.3: a name's index beyond both tables", "7f0161", .badIndex),
        Row("2.3.3: an index far beyond both tables", "ffffffff07", .badIndex),
        Row("6.1: the index 0", "80", .badIndex),
        Row("5.1: an integer with too large a value", "ffffffffff7f", .integerTooLarge),
        Row("5.1: an integer with too many octets", "ff80808080808001", .integerTooLarge),
        Row("5.1: an integer that ends in its prefix", "ff", .truncated),
        Row("5.1: an integer that ends in an octet that says more", "ff80", .truncated),
        Row("5.2: a name that is longer than the block", "400a6375", .truncated),
        Row("5.2: a value that is longer than the block", "0403", .truncated),
        Row("5.2: a literal without a value", "04", .truncated),
        Row("5.2: a literal without a name", "40", .truncated),
        Row("5.2: padding of eight ones", "0482" + "1fff", .badHuffman),  // 'a' is 00011
        Row("5.2: padding that is not of ones", "0481" + "18", .badHuffman),
        Row("5.2: a string of padding alone, eight bits", "0481ff", .badHuffman),
        Row("5.2: the end of a string within it", "0484ffffffff", .badHuffman),
        Row("5.2: the end of a string before others", "0486" + "fffffffc1fff", .badHuffman),
        Row("4.2, 6.3: a table size above the announced one", "3fe21f", .badSizeUpdate),
        Row("4.2: a table size after a field line", "8220", .badSizeUpdate),
        Row("4.2: a table size at the end of a block", "823f00", .badSizeUpdate),
    ]

    @Test(arguments: refused)
    func `a block that breaks a rule is refused`(_ row: Row) {
        var decoder = HeaderDecoder()
        var section = FieldSection()
        var error: HPACKError?
        do throws(HPACKError) {
            try decoder.decode(hex(row.hex).span, into: &section)
        } catch let thrown {
            error = thrown
        }
        #expect(error == row.error)
    }

    @Test func `padding of seven ones, the longest there may be, is taken (5.2)`() throws {
        // '-' is 010110 and '0' is 00000: seventeen bits.
        var decoder = HeaderDecoder()
        var section = FieldSection()
        try decoder.decode(hex("0483 59607f").span, into: &section)
        #expect(section.texts == [":path: --0"])
    }

    @Test func `two size updates may begin a block (4.2)`() throws {
        var decoder = HeaderDecoder()
        var section = FieldSection()
        try decoder.decode(hex("400161016240016301 64").span, into: &section)
        #expect(decoder.tableCount == 2)
        try decoder.decode(hex("20 3fe11f 82").span, into: &section)
        #expect(decoder.tableCount == 0)
        #expect(section.count == 3)
    }

    @Test func `a table that we shrank must be shrunk by the peer's next block (4.2)`() throws {
        var decoder = HeaderDecoder()
        var section = FieldSection()
        decoder.allow(tableSize: 100)
        #expect(throws: HPACKError.badSizeUpdate) { try decoder.decode(hex("82").span, into: &section) }
        var obedient = HeaderDecoder()
        obedient.allow(tableSize: 100)
        try obedient.decode(hex("3f45 82").span, into: &section)
        #expect(section.texts == [":method: GET"])
    }

    @Test func `an entry larger than the table empties it and is no error (4.4)`() throws {
        var decoder = HeaderDecoder(tableSize: 64)
        var section = FieldSection()
        try decoder.decode(hex("4001610162").span, into: &section)
        #expect(decoder.tableCount == 1)
        try decoder.decode((hex("400161 21") + [UInt8](repeating: 0x78, count: 33)).span, into: &section)
        #expect(decoder.tableCount == 0)
        #expect(section.count == 2)
    }

    @Test func `an entry may take its name from one that it throws out (4.4)`() throws {
        var decoder = HeaderDecoder(tableSize: 40)
        var section = FieldSection()
        try decoder.decode(hex("4004 6e616d65 01 61").span, into: &section)
        try decoder.decode(hex("7e 02 6262").span, into: &section)
        #expect(decoder.tableCount == 1)
        #expect(section.texts == ["name: a", "name: bb"])
    }

    @Test func `entries that are the same are each kept (2.3.2)`() throws {
        var decoder = HeaderDecoder()
        var section = FieldSection()
        try decoder.decode(hex("4001610162 4001610162").span, into: &section)
        #expect(decoder.tableCount == 2)
    }

    @Test func `an encoder tells of the smallest size and of the last (4.2)`() {
        var encoder = HeaderEncoder()
        encoder.allow(tableSize: 0)
        encoder.allow(tableSize: 1024)
        let section = FieldSection([":method: GET"])
        #expect(written { _ = encoder.encode(section, to: &$0) } == hex("20 3fe107 82"))
        #expect(written { _ = encoder.encode(section, to: &$0) } == hex("82"))
    }

    @Test func `an encoder takes no more table than it was allowed`() {
        var encoder = HeaderEncoder(largest: 200)
        encoder.allow(tableSize: 65_536)
        let section = FieldSection((0..<20).map { "name-\($0): value" })
        _ = written { #expect(encoder.encode(section, to: &$0)) }
        #expect(encoder.tableSize <= 200 && encoder.tableCount > 0)
    }

    @Test func `what is never to be indexed stays so (6.2.3, 7.1.3)`() {
        var encoder = HeaderEncoder()
        let section = FieldSection(["!authorization: Basic eDp5", "!x: y"])
        let octets = written { #expect(encoder.encode(section, to: &$0)) }
        #expect(octets[0] & 0xf0 == 0x10)
        #expect(encoder.tableCount == 0)
    }

    @Test func `an encoder without room for the worst does nothing`() {
        var encoder = HeaderEncoder()
        let section = FieldSection(["a: b"])
        let octets = written(room: 16) { #expect(!encoder.encode(section, to: &$0)) }
        #expect(octets.isEmpty && encoder.tableCount == 0)
    }
}
