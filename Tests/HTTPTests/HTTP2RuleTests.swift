// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HTTP

/// Every MUST of RFC 9113 that a client can break: what it sends after the handshake, and what comes of it.
struct HTTP2RuleTests {
    struct Row: CustomTestStringConvertible, Sendable {
        var rule: String
        var frames: [UInt8]
        var last: String
        var testDescription: String { rule }

        init(_ rule: String, _ frames: [UInt8], _ last: String) {
            self.rule = rule
            self.frames = frames
            self.last = last
        }
    }

    typealias F = Frames
    static let opened = F.headers(1, F.post, ends: false)
    static let finished = F.headers(1, F.get)

    static let framing = [
        Row(
            "4.2: a frame of more than 16,384 octets", F.data(1, String(repeating: "x", count: 16_385)),
            "failed frameTooLarge"),
        Row(
            "5.5: an unknown frame is passed over", F.frame(0x77, 0xff, 9, [1, 2, 3]) + finished, "request 0 get / end"),
        Row(
            "5.5: an unknown frame within a block", F.frame(1, 1, 1, F.block(F.get)) + F.frame(0x77, 0, 1, []),
            "failed continuationExpected"),
        Row("4.1: the reserved bit is ignored", F.frame(1, 5, 0x8000_0001, F.block(F.get)), "request 0 get / end"),
        Row("6.1: DATA on stream 0", F.data(0, "x"), "failed frameOnStreamZero"),
        Row("5.1: DATA on an idle stream", F.data(1, "x"), "failed frameOnIdleStream"),
        Row("6.1: padding as long as DATA", opened + F.frame(0, 8, 1, [1]), "failed padding"),
        Row("6.1: padding flag without its octet", opened + F.frame(0, 8, 1, []), "failed frameSize"),
        Row("5.1: DATA after the end", finished + F.data(1, "x"), "stream 1 frameOnClosedStream"),
        Row("6.2: HEADERS on stream 0", F.headers(0, F.get), "failed frameOnStreamZero"),
        Row("5.1.1: HEADERS on an even stream", F.headers(2, F.get), "failed streamNumber"),
        Row("5.1.1: a stream below an earlier one", F.headers(3, F.get) + finished, "failed frameOnClosedStream"),
        Row("6.2: padding longer than HEADERS", F.frame(1, 0x0d, 1, [200] + F.block(F.get)), "failed padding"),
        Row(
            "6.2: HEADERS with padding and priority",
            F.frame(1, 0x2d, 1, [2, 0, 0, 0, 0, 9] + F.block(F.get) + [0, 0]), "request 0 get / end"),
        Row("6.2: priority without its octets", F.frame(1, 0x25, 1, [0, 0]), "failed frameSize"),
        Row(
            "7540 5.3.1: HEADERS that depends on itself", F.frame(1, 0x25, 1, [0, 0, 0, 1, 9] + F.block(F.get)),
            "stream 1 selfDependency"),
        Row("5.1: HEADERS after the end", finished + finished, "stream 1 frameOnClosedStream"),
        Row("6.3: PRIORITY on stream 0", F.frame(2, 0, 0, [0, 0, 0, 3, 9]), "failed frameOnStreamZero"),
        Row("6.3: PRIORITY of four octets", opened + F.frame(2, 0, 1, [0, 0, 0, 3]), "stream 1 frameSize"),
        Row("5.1: PRIORITY on an idle stream", F.frame(2, 0, 9, [0, 0, 0, 3, 9]) + finished, "request 0 get / end"),
        Row("6.4: RST_STREAM on stream 0", F.reset(0), "failed frameOnStreamZero"),
        Row("6.4: RST_STREAM on an idle stream", F.reset(1), "failed frameOnIdleStream"),
        Row("6.4: RST_STREAM of three octets", opened + F.frame(3, 0, 1, [0, 0, 0]), "failed frameSize"),
        Row("6.4: RST_STREAM", opened + F.reset(1), "reset 0 cancel"),
        Row("7: an unknown error code", opened + F.reset(1, 0x9999), "reset 0 internalError"),
        Row("8.4: PUSH_PROMISE of a client", F.frame(5, 4, 1, [0, 0, 0, 2] + F.block(F.get)), "failed pushPromise"),
        Row("6.10: CONTINUATION without HEADERS", F.frame(9, 4, 1, []), "failed continuationUnexpected"),
        Row("6.10: CONTINUATION after the block's end", opened + F.frame(9, 4, 1, []), "failed continuationUnexpected"),
        Row(
            "6.10: CONTINUATION on another stream", F.frame(1, 1, 1, []) + F.frame(9, 4, 3, F.block(F.get)),
            "failed continuationExpected"),
        Row("6.2: another frame within a block", F.frame(1, 1, 1, []) + F.data(1, ""), "failed continuationExpected"),
        Row("4.3: a block that is none", F.frame(1, 5, 1, [0x80]), "failed compression(HTTP.HPACKError.badIndex)"),
    ]

    static let control = [
        Row("6.5: SETTINGS on a stream", F.frame(4, 0, 1, []), "failed frameOffStreamZero"),
        Row("6.5: SETTINGS of five octets", F.frame(4, 0, 0, [0, 1, 0, 0, 0]), "failed frameSize"),
        Row("6.5: an acknowledgement with content", F.frame(4, 1, 0, [0, 1, 0, 0, 0, 0]), "failed frameSize"),
        Row("6.5.2: ENABLE_PUSH of 2", F.settings([(2, 2)]), "failed settingsValue"),
        Row("6.5.2: INITIAL_WINDOW_SIZE above 2^31-1", F.settings([(4, 0x8000_0000)]), "failed windowOverflow"),
        Row("6.5.2: MAX_FRAME_SIZE of 16,383", F.settings([(5, 16_383)]), "failed settingsValue"),
        Row("6.5.2: MAX_FRAME_SIZE of 2^24", F.settings([(5, 1 << 24)]), "failed settingsValue"),
        Row("6.5.2: an unknown setting is passed over", F.settings([(0x99, 7)]) + finished, "request 0 get / end"),
        Row("8441 3: ENABLE_CONNECT_PROTOCOL taken back", F.settings([(8, 1), (8, 0)]), "failed settingsValue"),
        Row("6.7: PING on a stream", F.frame(6, 0, 1, [0, 0, 0, 0, 0, 0, 0, 0]), "failed frameOffStreamZero"),
        Row("6.7: PING of seven octets", F.frame(6, 0, 0, [0, 0, 0, 0, 0, 0, 0]), "failed frameSize"),
        Row("6.7: an answered PING", F.frame(6, 1, 0, [0, 0, 0, 0, 0, 0, 0, 5]), "pong 5"),
        Row("6.8: GOAWAY on a stream", F.frame(7, 0, 1, [0, 0, 0, 0, 0, 0, 0, 0]), "failed frameOffStreamZero"),
        Row("6.8: GOAWAY of seven octets", F.frame(7, 0, 0, [0, 0, 0, 0, 0, 0, 0]), "failed frameSize"),
        Row("6.8: GOAWAY", F.frame(7, 0, 0, [0, 0, 0, 0, 0, 0, 0, 2]), "away 0 internalError"),
        Row(
            "6.8: GOAWAY that takes back",
            F.frame(7, 0, 0, [0, 0, 0, 1, 0, 0, 0, 0]) + F.frame(7, 0, 0, [0, 0, 0, 3, 0, 0, 0, 0]),
            "failed goAwayRaised"),
        Row("6.9: WINDOW_UPDATE of three octets", F.frame(8, 0, 0, [0, 0, 1]), "failed frameSize"),
        Row("6.9: WINDOW_UPDATE of 0 on the connection", F.windowUpdate(0, 0), "failed windowIncrement"),
        Row("6.9: WINDOW_UPDATE of 0 on a stream", opened + F.windowUpdate(1, 0), "stream 1 windowIncrement"),
        Row("5.1: WINDOW_UPDATE on an idle stream", F.windowUpdate(1, 5), "failed frameOnIdleStream"),
        Row("6.9.1: the connection's window above 2^31-1", F.windowUpdate(0, 0x7fff_ffff), "failed windowOverflow"),
        Row(
            "6.9.1: a stream's window above 2^31-1", opened + F.windowUpdate(1, 0x7fff_ffff), "stream 1 windowOverflow"),
        Row(
            "6.9.2: a stream's window above 2^31-1 by SETTINGS",
            opened + F.windowUpdate(1, 0x7fff_0000) + F.settings([(4, 65_537)]), "failed windowOverflow"),
        Row("6.9: WINDOW_UPDATE on a stream", opened + F.windowUpdate(1, 5), "window 0"),
    ]

    @Test(arguments: framing + control)
    func `what a client sends after the handshake has the answer that the RFC names`(_ row: Row) {
        #expect(Dialogue.begun(.server).hear(row.frames).last == row.last)
    }

    @Test(arguments: framing + control)
    func `octets that come one by one have the same answer`(_ row: Row) {
        #expect(Dialogue.begun(.server).hearSlowly(row.frames).last == row.last)
    }

    static let requests: [(String, [String], String)] = [
        ("8.3.1: no method", [":scheme: http", ":authority: a", ":path: /"], "pseudoMissing"),
        ("8.3.1: no scheme", [":method: GET", ":authority: a", ":path: /"], "pseudoMissing"),
        ("8.3.1: no path", [":method: GET", ":scheme: http", ":authority: a"], "pseudoMissing"),
        ("8.3.1: an empty path", [":method: GET", ":scheme: http", ":authority: a", ":path: "], "path"),
        (
            "8.3.1: a path that does not begin with a slash",
            [":method: GET", ":scheme: http", ":authority: a", ":path: x"], "path"
        ),
        ("8.3.1: an asterisk without OPTIONS", [":method: GET", ":scheme: http", ":authority: a", ":path: *"], "path"),
        ("8.3.1: a blank in a path", [":method: GET", ":scheme: http", ":authority: a", ":path: /a HTTP/1.1"], "path"),
        ("8.3: a method twice", [":method: GET"] + F.get, "pseudoTwice"),
        (
            "8.3: a pseudo-header after a field",
            [":method: GET", ":scheme: http", ":authority: a", "x: y", ":path: /"], "pseudoAfterField"
        ),
        ("8.3: an unknown pseudo-header", F.get + [":version: 2"], "name"),
        ("8.3: a response's pseudo-header", [":status: 200"] + F.get, "pseudoUnexpected"),
        ("8.3.1: no authority and no host", [":method: GET", ":scheme: http", ":path: /"], "authorityMissing"),
        ("8.3.1: host that disagrees", F.get + ["host: b.example"], "authorityConflict"),
        ("8.3.1: host twice", F.get + ["host: a.example", "host: a.example"], "authorityConflict"),
        ("8.3.1: user information", [":method: GET", ":scheme: http", ":authority: u@a", ":path: /"], "authority"),
        ("8.2.1: a name in upper case", F.get + ["X-Y: z"], "name"),
        ("8.2.1: a name with a blank", F.get + ["x y: z"], "name"),
        ("8.2.1: a value with a line feed", F.get + ["x: a\nb"], "value"),
        ("8.2.1: a value with a carriage return", F.get + ["x: a\rb"], "value"),
        ("8.2.1: a value with a zero", F.get + ["x: a\0b"], "value"),
        ("8.2.1: a value that begins with a blank", F.get + ["x:  a"], "value"),
        ("8.2.2: connection", F.get + ["connection: close"], "connectionSpecific"),
        ("8.2.2: keep-alive", F.get + ["keep-alive: x"], "connectionSpecific"),
        ("8.2.2: proxy-connection", F.get + ["proxy-connection: x"], "connectionSpecific"),
        ("8.2.2: transfer-encoding", F.get + ["transfer-encoding: chunked"], "connectionSpecific"),
        ("8.2.2: upgrade", F.get + ["upgrade: x"], "connectionSpecific"),
        ("8.2.2: te of more than trailers", F.get + ["te: trailers, deflate"], "te"),
        ("8.1.1: content-length of a request without content", F.get + ["content-length: 5"], "contentLengthDisagrees"),
        ("8.1.1: content-length twice", F.get + ["content-length: 0", "content-length: 0"], "contentLength"),
        ("8.1.1: content-length with a sign", F.get + ["content-length: +0"], "contentLength"),
        ("8.5: CONNECT with a path", [":method: CONNECT", ":authority: a:1", ":path: /"], "pseudoUnexpected"),
        ("8.5: CONNECT without an authority", [":method: CONNECT"], "authorityMissing"),
        (
            "8441 4: :protocol that was not allowed", [":method: CONNECT", ":protocol: websocket"] + F.get.dropFirst(),
            "pseudoUnexpected"
        ),
    ]

    @Test(arguments: requests)
    func `a malformed request costs its stream and not the connection`(rule: String, lines: [String], fault: String) {
        let dialogue = Dialogue.begun(.server)
        #expect(dialogue.hear(F.headers(1, lines)) == ["stream 1 malformed(HTTP.Malformed.\(fault))"], "\(rule)")
        #expect(dialogue.sent == ["RST_STREAM 1 protocolError"])
        #expect(dialogue.hear(F.headers(3, F.get)) == ["request 0 get / end"])
    }

    static let good: [(String, [String], String)] = [
        (
            "8.3.1: host without :authority", [":method: GET", ":scheme: http", ":path: /", "host: a"],
            "request 0 get / end"
        ),
        ("8.3.1: host that agrees", F.get + ["host: A.example"], "request 0 get / end"),
        (
            "8.3.1: OPTIONS of all", [":method: OPTIONS", ":scheme: http", ":authority: a", ":path: *"],
            "request 0 options * end"
        ),
        ("8.2.2: te of trailers", F.get + ["te: trailers"], "request 0 get / end"),
        ("8.5: CONNECT", [":method: CONNECT", ":authority: a:1"], "request 0 connect - end"),
        ("8.2.3: cookies in crumbs", F.get + ["cookie: a=1", "cookie: b=2"], "request 0 get / end"),
    ]

    @Test(arguments: good)
    func `a request that is unusual and right is taken`(rule: String, lines: [String], event: String) {
        #expect(Dialogue.begun(.server).hear(F.headers(1, lines)) == [event], "\(rule)")
    }

    @Test func `extended CONNECT is taken where the setting allows it (8441 4)`() {
        var settings = ConnectionSettings()
        settings.extendedConnect = true
        let lines = [":method: CONNECT", ":protocol: websocket"] + F.get.dropFirst()
        #expect(Dialogue.begun(.server, settings).hear(F.headers(1, lines, ends: false)) == ["request 0 connect /"])
    }
}
