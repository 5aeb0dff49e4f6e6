// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HTTP

struct ChunkedTests {
    static func decode(_ text: String, step: Int = .max) -> String {
        Plain.content(chunked: Array(text.utf8), step: step)
    }

    static let cases: [(String, String)] = [
        ("5\r\nhello\r\n0\r\n\r\n", "hello [] "),
        ("5\r\nhello\r\n00\r\n\r\nGET", "hello [] GET"),
        ("00005;name=\"v\"\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "hello! [] "),
        ("A\r\n0123456789\r\n0\r\nGrpc-Status: 0\r\nContent-Length: 5\r\n\r\nX", #"0123456789 ["grpc-status: 0"] X"#),
        ("5\r\nhel", "hel needs more"),
        ("5\r\nhello\r\n0\r\nA: b\r\n", "hello needs more"),
        ("5\nhello\r\n0\r\n\r\n", "chunkSize"),
        ("5\r\nhello\n0\r\n\r\n", "chunkEnd"),
        ("5\r\nhelloX\r\n0\r\n\r\n", "chunkEnd"),
        ("5 \r\nhello\r\n0\r\n\r\n", "chunkSize"),
        (" 5\r\nhello\r\n", "chunkSize"),
        ("0x5\r\nhello\r\n", "chunkSize"),
        ("-5\r\nhello\r\n", "chunkSize"),
        ("\r\nhello\r\n", "chunkSize"),
        ("5\rXhello\r\n", "chunkSize"),
        ("5;a\nb\r\nhello\r\n", "chunkExtension"),
        ("5;" + String(repeating: "a", count: 300) + "\r\n", "chunkExtension"),
        ("ffffffffffffffff\r\n", "chunkSize"),
        ("10000000000000000\r\n", "chunkSize"),
        ("0\r\n\n", "bareLineFeed"),
        ("0\r\nA: b\r\n c\r\n\r\n", "obsoleteFold"),
        ("0\r\nA : b\r\n\r\n", "fieldName"),
        ("0\r\n:path: /\r\n\r\n", "fieldName"),
    ]

    @Test(arguments: cases)
    func `chunks have one meaning or none`(text: String, expected: String) {
        #expect(Self.decode(text) == expected)
    }

    @Test(arguments: cases, [1, 2, 3, 7])
    func `however they arrive`(row: (String, String), step: Int) {
        #expect(Self.decode(row.0, step: step) == row.1)
    }

    @Test(arguments: [(1, "1\r\n"), (15, "f\r\n"), (16, "10\r\n"), (16_384, "4000\r\n"), (0xabcdef, "abcdef\r\n")])
    func `a chunk's size is written in hexadecimal`(count: Int, octets: String) {
        #expect(written { HTTP1Writer.chunkHeader(count, to: &$0) }.text == octets)
    }
}
