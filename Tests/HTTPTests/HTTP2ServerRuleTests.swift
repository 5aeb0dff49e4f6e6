// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HTTP

/// Every MUST of RFC 9113 that a server can break: what it sends to us after the handshake, and what comes of it. One
/// request, of stream 1, is under way and has ended on our side.
struct HTTP2ServerRuleTests {
    typealias Row = HTTP2RuleTests.Row
    typealias F = Frames
    static let ok = [":status: 200"]
    static let answering = F.headers(1, ok, ends: false)
    static let answered = F.headers(1, ok)

    static let framing = [
        Row("4.1: the reserved bit is ignored", F.frame(1, 5, 0x8000_0001, F.block(ok)), "response 0 200 end"),
        Row(
            "4.2: a frame of more than 16,384 octets", answering + F.data(1, String(repeating: "x", count: 16_385)),
            "failed frameTooLarge"),
        Row("4.3: a block that is none", F.frame(1, 5, 1, [0x80]), "failed compression(HTTP.HPACKError.badIndex)"),
        Row(
            "4.3: a block that is cut off", F.frame(1, 5, 1, [0x48, 0x03, 0x32]),
            "failed compression(HTTP.HPACKError.truncated)"),
        Row("5.5: an unknown frame is passed over", F.frame(0x77, 0xff, 9, [1, 2]) + answered, "response 0 200 end"),
        Row(
            "5.5: an unknown frame within a block", F.frame(1, 1, 1, F.block(ok)) + F.frame(0x77, 0, 1, []),
            "failed continuationExpected"),
        Row("6.1: DATA on stream 0", F.data(0, "x"), "failed frameOnStreamZero"),
        Row("5.1: DATA on an idle stream", F.data(3, "x"), "failed frameOnIdleStream"),
        Row("5.1.1: DATA on a stream of the server's", F.data(2, "x"), "failed frameOnIdleStream"),
        Row("6.1: padding as long as DATA", answering + F.frame(0, 8, 1, [1]), "failed padding"),
        Row("6.1: padding flag without its octet", answering + F.frame(0, 8, 1, []), "failed frameSize"),
        Row("5.1: DATA after the end", answered + F.data(1, "x"), "failed frameOnClosedStream"),
        Row("6.2: HEADERS on stream 0", F.headers(0, ok), "failed frameOnStreamZero"),
        Row("6.2: padding longer than HEADERS", F.frame(1, 0x0d, 1, [200] + F.block(ok)), "failed padding"),
        Row(
            "6.2: HEADERS with padding and priority", F.frame(1, 0x2d, 1, [2, 0, 0, 0, 0, 9] + F.block(ok) + [0, 0]),
            "response 0 200 end"),
        Row("6.2: priority without its octets", F.frame(1, 0x25, 1, [0, 0]), "failed frameSize"),
        Row("5.1: HEADERS after the end", answered + answered, "failed frameOnClosedStream"),
        Row("6.2: another frame within a block", F.frame(1, 1, 1, []) + F.data(1, ""), "failed continuationExpected"),
        Row("6.3: PRIORITY on stream 0", F.frame(2, 0, 0, [0, 0, 0, 3, 9]), "failed frameOnStreamZero"),
        Row("6.3: PRIORITY of four octets", F.frame(2, 0, 1, [0, 0, 0, 3]), "stream 1 frameSize"),
        Row("6.4: RST_STREAM on stream 0", F.reset(0), "failed frameOnStreamZero"),
        Row("6.4: RST_STREAM on an idle stream", F.reset(3), "failed frameOnIdleStream"),
        Row("6.4: RST_STREAM of three octets", F.frame(3, 0, 1, [0, 0, 0]), "failed frameSize"),
        Row("7: an unknown error code", F.reset(1, 0x9999), "reset 0 internalError"),
        Row("5.1: RST_STREAM after the end is passed over", answered + F.reset(1), "response 0 200 end"),
        Row("6.6, 8.4: PUSH_PROMISE that we refused", F.frame(5, 4, 1, [0, 0, 0, 2]), "failed pushPromise"),
        Row("6.10: CONTINUATION without HEADERS", F.frame(9, 4, 1, []), "failed continuationUnexpected"),
        Row(
            "6.10: CONTINUATION after the block's end", answering + F.frame(9, 4, 1, []),
            "failed continuationUnexpected"),
        Row(
            "6.10: CONTINUATION on another stream", F.frame(1, 1, 1, []) + F.frame(9, 4, 3, F.block(ok)),
            "failed continuationExpected"),
        Row(
            "6.10: a block in CONTINUATION", F.frame(1, 1, 1, []) + F.frame(9, 4, 1, F.block(ok)),
            "response 0 200 end"),
    ]

    static let control = [
        Row("6.5: SETTINGS on a stream", F.frame(4, 0, 1, []), "failed frameOffStreamZero"),
        Row("6.5: SETTINGS of five octets", F.frame(4, 0, 0, [0, 1, 0, 0, 0]), "failed frameSize"),
        Row("6.5: an acknowledgement with content", F.frame(4, 1, 0, [0, 1, 0, 0, 0, 0]), "failed frameSize"),
        Row("6.5.2: ENABLE_PUSH of 2", F.settings([(2, 2)]), "failed settingsValue"),
        Row("6.5.2: ENABLE_PUSH of 1 by a server", F.settings([(2, 1)]), "failed settingsValue"),
        Row("6.5.2: ENABLE_PUSH of 0 by a server", F.settings([(2, 0)]) + answered, "response 0 200 end"),
        Row("6.5.2: INITIAL_WINDOW_SIZE above 2^31-1", F.settings([(4, 0x8000_0000)]), "failed windowOverflow"),
        Row("6.5.2: MAX_FRAME_SIZE of 16,383", F.settings([(5, 16_383)]), "failed settingsValue"),
        Row("6.5.2: MAX_FRAME_SIZE of 2^24", F.settings([(5, 1 << 24)]), "failed settingsValue"),
        Row("6.5.2: an unknown setting is passed over", F.settings([(0x99, 7)]) + answered, "response 0 200 end"),
        Row("8441 3: ENABLE_CONNECT_PROTOCOL of 2", F.settings([(8, 2)]), "failed settingsValue"),
        Row("8441 3: ENABLE_CONNECT_PROTOCOL taken back", F.settings([(8, 1), (8, 0)]), "failed settingsValue"),
        Row("6.7: PING on a stream", F.frame(6, 0, 1, [0, 0, 0, 0, 0, 0, 0, 0]), "failed frameOffStreamZero"),
        Row("6.7: PING of nine octets", F.frame(6, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0, 0]), "failed frameSize"),
        Row("6.8: GOAWAY on a stream", F.frame(7, 0, 1, [0, 0, 0, 0, 0, 0, 0, 0]), "failed frameOffStreamZero"),
        Row("6.8: GOAWAY of seven octets", F.frame(7, 0, 0, [0, 0, 0, 0, 0, 0, 0]), "failed frameSize"),
        Row(
            "6.8: GOAWAY with words", F.frame(7, 0, 0, [0, 0, 0, 1, 0, 0, 0, 0] + Array("bye".utf8)), "away 1 noError"),
        Row(
            "6.8: GOAWAY that takes back",
            F.frame(7, 0, 0, [0, 0, 0, 1, 0, 0, 0, 0]) + F.frame(7, 0, 0, [0, 0, 0, 3, 0, 0, 0, 0]),
            "failed goAwayRaised"),
        Row("6.9: WINDOW_UPDATE of three octets", F.frame(8, 0, 0, [0, 0, 1]), "failed frameSize"),
        Row("6.9: WINDOW_UPDATE of 0 on the connection", F.windowUpdate(0, 0), "failed windowIncrement"),
        Row("6.9: WINDOW_UPDATE of 0 on a stream", F.windowUpdate(1, 0), "stream 1 windowIncrement"),
        Row("6.9: the reserved bit of WINDOW_UPDATE is ignored", F.windowUpdate(1, 0x8000_0001), "window 0"),
        Row("5.1: WINDOW_UPDATE on an idle stream", F.windowUpdate(3, 5), "failed frameOnIdleStream"),
        Row("6.9.1: the connection's window above 2^31-1", F.windowUpdate(0, 0x7fff_ffff), "failed windowOverflow"),
        Row("6.9.1: a stream's window above 2^31-1", F.windowUpdate(1, 0x7fff_ffff), "stream 1 windowOverflow"),
        Row(
            "6.9.2: a stream's window above 2^31-1 by SETTINGS",
            F.windowUpdate(1, 0x7fff_0000) + F.settings([(4, 65_537)]), "failed windowOverflow"),
    ]

    private static func malformed(_ rule: String, _ lines: [String], _ fault: String, ends: Bool = true) -> Row {
        Row(rule, F.headers(1, lines, ends: ends), "stream 1 malformed(HTTP.Malformed.\(fault))")
    }

    static let heads = [
        malformed("8.3.2: an empty status", [":status: "], "status"),
        malformed("8.3.2: a status of four digits", [":status: 2000"], "status"),
        malformed("8.3.2: a status below 100", [":status: 099"], "status"),
        malformed("8.3: a status twice", ok + ok, "pseudoTwice"),
        malformed("8.3: a status after a field", ["a: b"] + ok, "pseudoAfterField"),
        malformed("8.3: an unknown pseudo-header", ok + [":version: 2"], "name"),
        malformed("8.3: a method", ok + [":method: GET"], "pseudoUnexpected"),
        malformed("8.2.1: a name in upper case", ok + ["X-Y: z"], "name"),
        malformed("8.2.1: a name with a blank", ok + ["x y: z"], "name"),
        Row("8.2.1: an empty name", F.frame(1, 5, 1, hex("88 00 00 01 61")), "stream 1 malformed(HTTP.Malformed.name)"),
        malformed("8.2.1: a value with a line feed", ok + ["x: a\nset-cookie: b"], "value"),
        malformed("8.2.1: a value with a carriage return", ok + ["x: a\rb"], "value"),
        malformed("8.2.1: a value with a zero", ok + ["x: a\0b"], "value"),
        malformed("8.2.1: a value that begins with a blank", ok + ["x:  a"], "value"),
        malformed("8.2.1: a value that ends with a tab", ok + ["x: a\t"], "value"),
        malformed("8.2.2: keep-alive", ok + ["keep-alive: x"], "connectionSpecific"),
        malformed("8.2.2: proxy-connection", ok + ["proxy-connection: x"], "connectionSpecific"),
        malformed("8.2.2: transfer-encoding", ok + ["transfer-encoding: chunked"], "connectionSpecific"),
        malformed("8.2.2: upgrade", ok + ["upgrade: x"], "connectionSpecific"),
        malformed("8.2.2: connection in an interim head", [":status: 103", "connection: x"], "connectionSpecific"),
        malformed("8.1.1: content-length twice", ok + ["content-length: 0", "content-length: 0"], "contentLength"),
        malformed("8.1.1: content-length with a sign", ok + ["content-length: +0"], "contentLength"),
        malformed(
            "8.1.1: content-length beyond all bounds", ok + ["content-length: 99999999999999999999"], "contentLength"),
        Row(
            "8.1.1: more content than promised",
            F.headers(1, ok + ["content-length: 2"], ends: false) + F.data(1, "abc"),
            "stream 1 malformed(HTTP.Malformed.contentLengthDisagrees)"),
        Row(
            "8.1.1: less content than promised",
            F.headers(1, ok + ["content-length: 2"], ends: false) + F.data(1, "a", ends: true),
            "stream 1 malformed(HTTP.Malformed.contentLengthDisagrees)"),
        Row(
            "8.1.1: trailers before all that was promised",
            F.headers(1, ok + ["content-length: 2"], ends: false) + F.headers(1, ["a: b"]),
            "stream 1 malformed(HTTP.Malformed.contentLengthDisagrees)"),
        Row(
            "8.1: a second final head", answering + F.headers(1, ok, ends: false),
            "stream 1 malformed(HTTP.Malformed.trailersWithoutEnd)"),
        Row(
            "8.1: an interim head after the final one", answering + F.headers(1, [":status: 100"], ends: false),
            "stream 1 malformed(HTTP.Malformed.trailersWithoutEnd)"),
        Row(
            "8.1: a status in trailers", answering + F.headers(1, ok),
            "stream 1 malformed(HTTP.Malformed.pseudoInTrailers)"),
        Row(
            "8.2.2: connection in trailers", answering + F.headers(1, ["connection: close"]),
            "stream 1 malformed(HTTP.Malformed.connectionSpecific)"),
        Row(
            "8.2.1: a line feed in trailers", answering + F.headers(1, ["a: b\nc"]),
            "stream 1 malformed(HTTP.Malformed.value)"),
        Row(
            "6.4.1: content after 304", F.headers(1, [":status: 304"], ends: false) + F.data(1, "x"),
            "stream 1 malformed(HTTP.Malformed.contentLengthDisagrees)"),
    ]

    private static func begun() -> Dialogue {
        let dialogue = Dialogue.begun(.client)
        #expect(dialogue.open(F.get) == 0)
        dialogue.output = []
        return dialogue
    }

    @Test(arguments: framing + control + heads)
    func `what a server sends after the handshake has the answer that the RFC names`(_ row: Row) {
        #expect(Self.begun().hear(row.frames).last == row.last)
    }

    @Test(arguments: framing + control + heads)
    func `octets that come one by one have the same answer`(_ row: Row) {
        #expect(Self.begun().hearSlowly(row.frames).last == row.last)
    }

    @Test(arguments: heads)
    func `a malformed response costs its stream and not the connection`(_ row: Row) {
        let dialogue = Self.begun()
        dialogue.hear(row.frames)
        #expect(dialogue.sent == ["RST_STREAM 1 protocolError"])
        #expect(dialogue.open(F.get) == 0)
        #expect(dialogue.hear(F.headers(3, Self.ok)) == ["response 0 200 end"])
    }

    @Test(arguments: (framing + control).filter { $0.last.hasPrefix("failed") })
    func `an error of the connection is told to the server (5.4.1)`(_ row: Row) {
        let dialogue = Self.begun()
        dialogue.hear(row.frames)
        #expect(dialogue.sent.last?.hasPrefix("GOAWAY 0 ") == true)
        #expect(dialogue.open(F.get) == nil)
    }

    @Test(arguments: [F.headers(1, ok), F.acknowledgement, F.windowUpdate(0, 1), F.frame(0x77, 0, 0, [])])
    func `a server's SETTINGS come first (3.4)`(frame: [UInt8]) {
        #expect(Dialogue(.client).hear(frame) == ["failed settingsExpected"])
    }

    @Test func `a server that speaks HTTP/1.1 is known by its first octets (3.4)`() {
        // Its length is read of "HTT".
        #expect(Dialogue(.client).hear(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)) == ["failed frameTooLarge"])
    }

    @Test func `a server that sends more than a stream's window has its stream reset (6.9.1)`() {
        let dialogue = Self.begun()
        dialogue.hear(Self.answering)
        let chunk = F.data(1, String(repeating: "x", count: 16_384))
        dialogue.hear((0..<4).flatMap { _ in chunk })
        #expect(dialogue.hear(F.data(1, "x")) == ["stream 1 windowExceeded"])
        #expect(dialogue.sent.last == "RST_STREAM 1 flowControlError")
    }

    @Test func `what was on its way from a server to a stream that we reset is passed over (5.1)`() {
        let dialogue = Self.begun()
        #expect(dialogue.write { $0.reset(0, .cancel, to: &$1) })
        dialogue.output = []
        #expect(dialogue.open(F.get) == 0)
        let late = Self.answering + F.data(1, "late") + F.windowUpdate(1, 1) + F.headers(1, ["a: b"])
        #expect(dialogue.hear(late + F.headers(3, Self.ok)) == ["response 0 200 end"])
    }

    @Test func `a block for a stream that is gone is decoded all the same (4.3)`() {
        let dialogue = Self.begun()
        #expect(dialogue.write { $0.reset(0, .cancel, to: &$1) })
        #expect(dialogue.open(F.get) == 0)
        // 200, and `a: b` that enters the table; then it by its index.
        let events = dialogue.hear(F.frame(1, 5, 1, hex("88 4001610162")) + F.frame(1, 5, 3, hex("88 be")))
        #expect(events == ["response 0 200 end"])
        #expect(dialogue.section.texts == [":status: 200", "a: b"])
    }

    @Test func `frames for streams above our last count as going nowhere (5.1.1)`() {
        #expect(Self.begun().hear(F.headers(5, Self.ok)) == ["failed frameOnIdleStream"])
    }
}
