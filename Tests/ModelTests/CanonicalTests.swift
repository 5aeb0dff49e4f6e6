// SPDX-License-Identifier: Apache-2.0

import Model
import TestSupport
import Testing

@Suite struct CanonicalTests {
    func text(_ value: CanonicalValue) -> String { String(decoding: value.bytes, as: UTF8.self) }

    func parse(_ text: String) throws -> CanonicalValue { try CanonicalValue(parsing: Array(text.utf8)) }

    @Test func `the strings of RFC 8785's example are written as it writes them`() throws {
        // Section 3.2.2, less its fractions and null.
        let value = try parse(
            #"{"string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [true, false]}"#)
        let expected = #"{"literals":[true,false],"string":"€$\u000f\nA'B\"\\\\\"/"}"#
        #expect(text(value) == expected)
    }

    @Test func `keys are in the order of UTF-16 code units, as in section 3.2.3`() throws {
        let value = try parse(
            #"""
            {"\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",
             "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control",
             "\u00f6": "Latin Small Letter O With Diaeresis"}
            """#)
        let order = text(value).split(separator: ":\"").dropFirst().map { $0.prefix { $0 != "\"" } }
        #expect(
            order == [
                "Carriage Return", "One", "Control", "Latin Small Letter O With Diaeresis", "Euro Sign",
                "Emoji: Grinning Face", "Hebrew Letter Dalet With Dagesh",
            ])
    }

    @Test(arguments: [
        ("{}", "{}"), (" [ ] ", "[]"), ("0", "0"), ("-1", "-1"), ("9007199254740991", "9007199254740991"),
        ("-9007199254740991", "-9007199254740991"), ("\"\"", "\"\""), ("\t\r\n true\n", "true"),
        ("{\"b\":1,\"a\":{\"d\":[],\"c\":false}}", "{\"a\":{\"c\":false,\"d\":[]},\"b\":1}"),
        ("[1,[2,[3]],\"\u{7f}é\\u00e9\"]", "[1,[2,[3]],\"\u{7f}éé\"]"), ("\"\\ud83d\\ude00\"", "\"😀\""),
        ("\"\\u0008\\u000C\\u001f\"", "\"\\b\\f\\u001f\""),
    ])
    func `what is read is written canonically`(input: String, output: String) throws {
        #expect(text(try parse(input)) == output)
        #expect(text(try parse(output)) == output)
    }

    @Test(arguments: [
        ("", 1, 1, "the text ends where a value should be"), ("nul", 1, 1, "no value begins like this"),
        ("null", 1, 1, "null is not used"), ("[1,\n null]", 2, 2, "null is not used"), ("01", 1, 1, "a leading zero"),
        ("1.0", 1, 2, "fractions and exponents are not used"), ("[1e3]", 1, 3, "fractions and exponents are not used"),
        ("-", 1, 2, "a digit is missing"), ("-0", 1, 1, "a negative zero"), ("+1", 1, 1, "no value begins like this"),
        ("9007199254740992", 1, 1, "an integer beyond 2^53 - 1"),
        ("-99999999999999999999", 1, 1, "an integer beyond 2^53 - 1"), ("[1,]", 1, 4, "no value begins like this"),
        ("[1 2]", 1, 4, "expected ',' or ']'"), ("{\"a\":1,}", 1, 8, "expected a key"),
        ("{a:1}", 1, 2, "expected a key"),
        ("{\"a\" 1}", 1, 6, "expected ':'"), ("{\"a\":1 \"b\":2}", 1, 8, "expected ',' or '}'"),
        ("{\"a\":1,\n\"a\":2}", 2, 1, "the key stands twice"), ("true false", 1, 6, "more text behind the value"),
        ("\"abc", 1, 1, "the string does not end"), ("\"a\nb\"", 1, 3, "a control character in a string"),
        ("\"\\x\"", 1, 2, "no such escape"), ("\"\\u12\"", 1, 2, "an escape of fewer than four digits"),
        ("\"\\ud800\"", 1, 2, "half a surrogate pair"), ("\"\\ud800\\u0041\"", 1, 2, "half a surrogate pair"),
        ("\"\\udc00\"", 1, 2, "half a surrogate pair"), ("\"\\", 1, 2, "the string does not end"),
        ("[[[[", 1, 5, "the text ends where a value should be"), ("\u{feff}1", 1, 1, "no value begins like this"),
    ])
    func `what is none is refused with its place`(input: String, line: Int, column: Int, message: String) throws {
        let error = #expect(throws: CanonicalError.self) { try self.parse(input) }
        #expect(error?.description == "line \(line), column \(column): \(message)")
    }

    @Test func `nesting has an end`() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(text(try parse(nested(32))) == nested(32))
        let error = #expect(throws: CanonicalError.self) { try self.parse(nested(100_000)) }
        #expect(error?.description == "line 1, column 33: nested deeper than 32")
    }

    @Test func `bytes that are not UTF-8 are refused`() {
        for bad: [UInt8] in [[0x22, 0xff, 0x22], [0x22, 0xc0, 0x80, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22], [0xff]] {
            #expect(throws: CanonicalError.self) { try CanonicalValue(parsing: bad) }
        }
    }

    @Test func `random bytes and damaged blobs are read or refused, never worse`() throws {
        var random = SplitMix(for: "damaged JSON")
        let alphabet = Array("{}[]\",:\\u0e-1 tfn\n\u{e9}".utf8)
        let blob = try Self.service().canonicalBytes
        var read = 0
        for round in 0..<4000 {
            var bytes = blob
            if round % 2 == 0 {
                bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                    alphabet.randomElement(using: &random) ?? 0
                }
            } else {
                for _ in 0...Int.random(in: 0...3, using: &random) {
                    bytes[Int.random(in: bytes.indices, using: &random)] = .random(in: 0...255, using: &random)
                }
                if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random)) }
            }
            do throws(CanonicalError) {
                let value = try CanonicalValue(parsing: bytes)
                let again = try CanonicalValue(parsing: value.bytes)
                #expect(again == value, "seed \(random.seed)")
                read += 1
                _ = try PlacedService(canonical: bytes)
            } catch {
                #expect(!error.description.isEmpty)
            }
        }
        #expect(read > 0)
    }

    /// A service of every kind of value.
    static func service() throws -> PlacedService {
        var entry = try desired("[2001:db8::1]:any/udp -> a @2001:db8:1::1 w3, b @2001:db8:1::2:8443, c w0")
        entry.service.name = "dns \"é\"\n"
        entry.service.name.removeLast()
        entry.service.forwarding = .gue
        entry.service.flowKey = .sourceIP
        entry.service.allow = try [#require(IPPrefix("2001:db8::/32"))]
        entry.service.deny = try [#require(IPPrefix("2001:db8:5::/48")), #require(IPPrefix("2001:db8:6::/48"))]
        entry.service.health = HealthCheck(
            probe: .http(port: 8080, path: "/healthz", host: "example.org", status: 200...299), throughTunnel: true)
        var fleet = Fleet(entries: [entry])
        try fleet.step(at: 0)
        fleet.entries[0].backends.removeFirst()
        try fleet.step(at: 1_790_000_000)
        return try fleet.service(entry.service.name)
    }
}
