// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HTTP

struct FieldRuleTests {
    static let digits = "0123456789"
    static let lower = "abcdefghijklmnopqrstuvwxyz"
    static let sets: [(String, ByteSet, String)] = [
        ("token", .token, "!#$%&'*+-.^_`|~" + digits + lower + lower.uppercased()),
        ("lower-case token", .lowerToken, "!#$%&'*+-.^_`|~" + digits + lower),
        ("scheme", .scheme, "+-." + digits + lower),
        ("authority", .authority, "-._~!$&'()*+,;=:[]%" + digits + lower + lower.uppercased()),
    ]

    @Test(arguments: sets)
    func `a set holds the characters that its RFC names`(name: String, set: ByteSet, characters: String) {
        let held = (UInt8.min ... .max).filter { set.contains($0) }
        #expect(held == characters.utf8.sorted(), "\(name)")
    }

    @Test func `a control character is found at every place of a value`() {
        for length in 1...40 {
            for place in 0..<length {
                for byte in UInt8.min ... .max {
                    var value = [UInt8](repeating: 0x61, count: length)
                    value[place] = byte
                    let isEnd = place == 0 || place == length - 1
                    let isRight = byte != 0x7f && (byte >= 0x20 || byte == 9) && !(isEnd && (byte == 0x20 || byte == 9))
                    let found = value.withUnsafeBufferPointer { bytes in
                        bytes.baseAddress.map { FieldRules.isValue($0, length) }
                    }
                    if found != isRight { Issue.record("\(byte) at \(place) of \(length)") }
                }
            }
        }
    }

    @Test func `every known name is found by its bytes and has its static index`() {
        for name in FieldName.allCases.dropFirst() {
            let text = FieldName.texts[Int(name.rawValue)]
            let count = text.utf8CodeUnitCount
            let hash = FieldHash.hash(text.utf8Start, count)
            #expect(Tables.shared.names.name(text.utf8Start, count, hash: hash) == name)
            guard name.staticIndex > 0 else { continue }
            #expect(Tables.shared.fixed[name.staticIndex].line.name == name)
            #expect(name.staticIndex == 1 || Tables.shared.fixed[name.staticIndex - 1].line.name != name)
        }
    }
}
