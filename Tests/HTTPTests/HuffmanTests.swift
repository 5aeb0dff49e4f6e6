// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import HTTP

struct HuffmanTests {
    static func encode(_ bytes: [UInt8]) -> [UInt8] { Plain.huffman(of: bytes) }

    static func decode(_ octets: [UInt8], room: Int = 4096) -> [UInt8]? { Plain.text(huffman: octets, room: room) }

    @Test func `each byte alone and in pairs comes back`() {
        for first in UInt8.min ... .max {
            #expect(Self.decode(Self.encode([first])) == [first])
            for second in UInt8.min ... .max where Self.decode(Self.encode([first, second])) != [first, second] {
                Issue.record("\(first), \(second)")
            }
        }
    }

    @Test func `random strings come back, whatever their codes' lengths`() {
        var random = SplitMix(for: "Huffman")
        for _ in 0..<20_000 {
            let length = Int.random(in: 0...60, using: &random)
            let top: UInt8 = Bool.random(using: &random) ? 255 : 127
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...top, using: &random) }
            guard Self.decode(Self.encode(bytes)) == bytes else {
                Issue.record("seed \(random.seed): \(bytes)")
                return
            }
        }
    }

    @Test func `what is decoded from random octets encodes to them again`() {
        // The code is complete and padding is fixed: every octet string has at most one text, and a text one coding.
        var random = SplitMix(for: "Huffman backwards")
        var accepted = 0
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...12, using: &random)
            let octets = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            guard let bytes = Self.decode(octets) else { continue }
            accepted += 1
            guard Self.encode(bytes) == octets else {
                Issue.record("seed \(random.seed): \(octets.hexadecimal)")
                return
            }
        }
        #expect(accepted > 1000)
    }

    @Test func `decoding stops at the end of its room`() {
        let octets = Self.encode(Array(repeating: 0x61, count: 100))
        for room in 0...98 { #expect(Self.decode(octets, room: room) == nil) }
        #expect(Self.decode(octets, room: 101)?.count == 100)
    }
}
