// SPDX-License-Identifier: Apache-2.0

import Model
import Templates
import Testing

/// Texts that nobody would write. A template in a key is written by whoever may write the key.
@Suite struct FuzzTests {
    private static let pieces = [
        "{{", "}}", "{", "}", "{{{", "}}}", "#", "^", "/", "!", "&", "%", "=", "<% %>", "<%", "%>", " ", "\n", "\r\n",
        "\t",
        "services.web", "host", "keys.two", "prefixes.flags", "last", "(", ")", "()", ".", ":", "CONTENT_TYPE", "HTML",
        "\u{301}", "é", "\0", "{{#services.web}}", "{{/services.web}}", "{{host}}", "{{! x }}", "{{=<% %>=}}",
    ]

    @Test func `any text is filled or refused, and the same each time`() throws {
        var random = Seeded(seed: 7)
        var filled = 0
        for _ in 0..<1500 {
            let text = (0..<Int.random(in: 1...14, using: &random))
                .map { _ in Self.pieces.randomElement(using: &random) ?? "" }.joined()
            do {
                let template = try Template(text, place: "t", of: definition)
                #expect(try template.render(data) == template.render(data), "\(text.debugDescription)")
                filled += 1
            } catch {
                continue
            }
        }
        #expect((30..<1470).contains(filled))
    }

    /// SplitMix64.
    private struct Seeded: RandomNumberGenerator {
        var state: UInt64

        init(seed: UInt64) { state = seed }

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var value = state
            value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
            value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
            return value ^ (value >> 31)
        }
    }

    @Test func `two thousand instances are filled`() throws {
        var large = data
        large.services["web"] = .init(
            instances: (0..<2_000).map {
                CatalogInstance(name: "n/\($0)", address: IPAddress(v4: UInt32($0)), port: 80, meta: ["tier": "edge"])
            })
        let template = try Template(
            "{{#services.web}}server {{id}} {{endpoint}} {{meta.tier}}\n{{/services.web}}", place: "t", of: definition)
        #expect(try template.render(large).split(separator: "\n").count == 2_000)
    }
}
