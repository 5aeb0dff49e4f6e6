// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@testable import Documents

@Suite struct `Words that people write` {
    private static let keys = ["name", "address", "port", "weight", "table-size", "udp"]

    @Test(arguments: [
        ("wieght", "weight"), ("Address", "address"), ("adress", "address"), ("nmae", "name"), ("prot", "port"),
        ("table_size", "table-size"), ("tablesize", "table-size"), ("up", "udp"),
    ])
    func `that are nearly a key suggest it`(word: String, key: String) {
        #expect(Nearest.word(to: word, among: Self.keys) == key)
    }

    @Test(arguments: ["", "x", "health", "tcp-port", String(repeating: "name", count: 100)])
    func `that are like no key suggest none`(word: String) {
        #expect(Nearest.word(to: word, among: Self.keys) == nil)
    }

    @Test(arguments: [
        ("0s", Duration.zero), ("500ms", .milliseconds(500)), ("2s", .seconds(2)), ("10m", .seconds(600)),
        ("1h", .seconds(3_600)), ("1d", .seconds(86_400)), ("90s", .seconds(90)), ("1500ms", .milliseconds(1_500)),
    ])
    func `of a number and a unit are durations, there and back`(text: String, duration: Duration) {
        #expect(DurationText.duration(text) == duration)
        #expect(DurationText.text(duration) == text)
    }

    @Test(arguments: [
        "", "s", "1", "1.5s", "-1s", "1 s", "1w", "1h30m", "1S", "99999999999999999999s", "100000d", "١s",
    ])
    func `of any other kind are none`(text: String) {
        #expect(DurationText.duration(text) == nil)
    }
}
