// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HTTP

/// Floods end in GOAWAY with ENHANCE_YOUR_CALM, by their names.
struct HTTP2AbuseTests {
    typealias F = Frames

    /// What is sent over and over, by turn, and how often it is borne.
    static let floods: [(Fault.Abuse, Int, @Sendable (UInt32) -> [UInt8])] = [
        (.resets, 250, { F.headers($0 * 2 + 1, F.get) + F.reset($0 * 2 + 1) }),
        // Our own resets, provoked: made-you-reset.
        (.resets, 250, { F.headers($0 * 2 + 1, F.post, ends: false) + F.windowUpdate($0 * 2 + 1, 0) }),
        (.resets, 250, { F.headers($0 * 2 + 1, [":method: GET"]) }),
        (.pings, 200, { _ in F.frame(6, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0]) }),
        (.pings, 200, { _ in F.frame(6, 1, 0, [0, 0, 0, 0, 0, 0, 0, 0]) }),
        (.settings, 18, { _ in F.settings() }),
        (.settings, 18, { _ in F.acknowledgement }),
        (.emptyData, 100, { $0 == 0 ? F.headers(1, F.post, ends: false) + F.data(1, "") : F.data(1, "") }),
        (.priorities, 1000, { _ in F.frame(2, 0, 1, [0, 0, 0, 3, 9]) }),
        (.unknownFrames, 500, { _ in F.frame(0x42, 0, 0, []) }),
        (.windowUpdates, 20_000, { _ in F.windowUpdate(0, 1) }),
    ]

    @Test(arguments: floods)
    func `a flood is borne to its limit`(kind: Fault.Abuse, limit: Int, frames: @Sendable (UInt32) -> [UInt8]) {
        let dialogue = Dialogue.begun(.server)
        for turn in 0..<limit {
            let events = dialogue.hear(frames(UInt32(turn)))
            if let failed = events.first(where: { $0.hasPrefix("failed") }) {
                Issue.record("\(failed) at \(turn) of \(limit)")
                return
            }
        }
        #expect(dialogue.hear(frames(UInt32(limit))).last == "failed abuse(HTTP.Fault.Abuse.\(kind))")
        #expect(dialogue.sent.last?.hasSuffix("enhanceYourCalm") == true)
    }

    @Test(arguments: [0, 1])
    func `the ninth CONTINUATION frame is one too many, empty or not`(count: Int) {
        let dialogue = Dialogue.begun(.server)
        dialogue.hear(F.frame(1, 1, 1, []))
        let frame = F.frame(9, 0, 1, [UInt8](repeating: 0x82, count: count))
        for _ in 0..<8 { #expect(dialogue.hear(frame).isEmpty) }
        #expect(dialogue.hear(frame) == ["failed abuse(HTTP.Fault.Abuse.continuations)"])
    }

    @Test func `a block of more than 64 KiB is too large`() {
        let dialogue = Dialogue.begun(.server)
        let piece = [UInt8](repeating: 0x82, count: 16_384)
        dialogue.hear(F.frame(1, 1, 1, piece))
        for _ in 0..<3 { #expect(dialogue.hear(F.frame(9, 0, 1, piece)).isEmpty) }
        #expect(dialogue.hear(F.frame(9, 0, 1, [0x82])) == ["failed abuse(HTTP.Fault.Abuse.headBytes)"])
    }

    @Test func `a bomb of indexed lines costs its stream alone`() {
        let dialogue = Dialogue.begun(.server)
        let bomb =
            [0x40, 1, 0x61, 0x7f, 0xb9, 0x16] + [UInt8](repeating: 0x78, count: 3000)
            + [UInt8](repeating: 0xbe, count: 13_000)
        #expect(dialogue.hear(F.frame(1, 5, 1, bomb)) == ["oversized 0 end"])
        #expect(dialogue.hear(F.headers(3, F.get)) == ["request 1 get / end"])
    }

    @Test func `limits are given back with time`() {
        let dialogue = Dialogue.begun(.server)
        for turn in 0..<2000 {
            if turn % 100 == 99 { dialogue.connection.forgive() }
            let events = dialogue.hear(F.headers(UInt32(turn * 2 + 1), F.get) + F.reset(UInt32(turn * 2 + 1)))
            guard events.count == 2 else {
                Issue.record("\(events) at \(turn)")
                return
            }
        }
    }

    @Test func `a full writer stops the reading`() {
        let dialogue = Dialogue.begun(.server)
        let input = F.frame(6, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0])
        var at = 0
        let octets = written(room: 127) { writer in
            #expect(dialogue.connection.receive(input.span, &at, into: &dialogue.section, to: &writer) == .blocked)
        }
        #expect(at == 0 && octets.isEmpty)
    }
}
