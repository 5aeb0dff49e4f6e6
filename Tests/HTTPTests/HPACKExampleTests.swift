// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HTTP

/// RFC 7541, appendix C: every example, both ways where our encoder makes the same choices as the RFC's.
struct HPACKExampleTests {
    struct Row: CustomTestStringConvertible, Sendable {
        var section: String
        var blocks: [(hex: String, lines: [String], size: Int)]
        var tableSize = 4096
        var testDescription: String { section }
    }

    static let requests = [
        [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"],
        [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com", "cache-control: no-cache"],
        [
            ":method: GET", ":scheme: https", ":path: /index.html", ":authority: www.example.com",
            "custom-key: custom-value",
        ],
    ]
    static let responses = [
        [
            ":status: 302", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:21 GMT",
            "location: https://www.example.com",
        ],
        [
            ":status: 307", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:21 GMT",
            "location: https://www.example.com",
        ],
        [
            ":status: 200", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:22 GMT",
            "location: https://www.example.com", "content-encoding: gzip",
            "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
        ],
    ]

    static let representations = [
        Row(
            section: "C.2.1, literal with indexing",
            blocks: [("400a637573746f6d2d6b65790d637573746f6d2d686561646572", ["custom-key: custom-header"], 55)]),
        Row(
            section: "C.2.2, literal without indexing",
            blocks: [("040c2f73616d706c652f70617468", [":path: /sample/path"], 0)]),
        Row(
            section: "C.2.3, literal never indexed",
            blocks: [("100870617373776f726406736563726574", ["!password: secret"], 0)]),
        Row(section: "C.2.4, indexed", blocks: [("82", [":method: GET"], 0)]),
    ]

    static let dialogues = [
        Row(
            section: "C.3, requests without Huffman's code",
            blocks: [
                ("828684410f7777772e6578616d706c652e636f6d", requests[0], 57),
                ("828684be58086e6f2d6361636865", requests[1], 110),
                ("828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565", requests[2], 164),
            ]),
        Row(
            section: "C.4, requests with Huffman's code",
            blocks: [
                ("828684418cf1e3c2e5f23a6ba0ab90f4ff", requests[0], 57),
                ("828684be5886a8eb10649cbf", requests[1], 110),
                ("828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf", requests[2], 164),
            ]),
        Row(
            section: "C.5, responses without Huffman's code",
            blocks: [
                (
                    """
                    4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133
                    3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d
                    """, responses[0], 222
                ),
                ("4803333037c1c0bf", responses[1], 222),
                (
                    """
                    88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970
                    7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61
                    6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31
                    """, responses[2], 215
                ),
            ], tableSize: 256),
        Row(
            section: "C.6, responses with Huffman's code",
            blocks: [
                (
                    """
                    4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad
                    1718 63c7 8f0b 97c8 e9ae 82ae 43d3
                    """, responses[0], 222
                ),
                ("4883640effc1c0bf", responses[1], 222),
                (
                    """
                    88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2
                    e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07
                    """, responses[2], 215
                ),
            ], tableSize: 256),
    ]

    @Test(arguments: representations + dialogues)
    func `an example is decoded to its lines and its table`(_ row: Row) throws {
        var decoder = HeaderDecoder(tableSize: row.tableSize)
        var section = FieldSection()
        for block in row.blocks {
            section.clear()
            try decoder.decode(hex(block.hex).span, into: &section)
            #expect(section.texts == block.lines)
            #expect(decoder.tableSize == block.size)
        }
    }

    /// C.6's encoder has a table of 256 bytes by agreement; ours would tell the peer so in its first block.
    @Test func `the requests of C.4 are encoded as there`() {
        var encoder = HeaderEncoder()
        for block in Self.dialogues[1].blocks {
            let section = FieldSection(block.lines)
            let octets = written { #expect(encoder.encode(section, to: &$0)) }
            #expect(octets.hexadecimal == block.hex)
            #expect(encoder.tableSize == block.size)
        }
    }

    /// C.1: an integer, the bits of its prefix, its octets.
    static let integers = [(10, 5, "0a"), (1337, 5, "1f9a0a"), (42, 8, "2a")]

    @Test(arguments: integers)
    func `an integer of C.1 is read and written`(value: Int, bits: Int, octets: String) throws {
        var at = 0
        #expect(try PrefixedInteger.read(hex(octets).span, &at, bits: bits) == value)
        #expect(at == hex(octets).count)
        #expect(written { PrefixedInteger.write(value, bits: bits, pattern: 0, to: &$0) } == hex(octets))
    }
}
