// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HTTP

struct HTTP2StreamTests {
    typealias F = Frames

    @Test func `a server answers a client's first octets`() {
        let dialogue = Dialogue(.server)
        #expect(dialogue.sent == ["SETTINGS", "WINDOW_UPDATE 0 983041"])
        #expect(
            dialogue.hear(Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + F.settings() + F.headers(1, F.get)) == [
                "request 0 get / end"
            ])
        #expect(dialogue.sent == ["SETTINGS ack"])
    }

    @Test(arguments: ["GET / HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\rX", "\u{16}\u{3}\u{1}"])
    func `another protocol is known by its first octets (3.4)`(octets: String) {
        #expect(Dialogue(.server).hear(Array(octets.utf8)) == ["failed badPreface"])
    }

    @Test(arguments: [F.headers(1, F.get), F.acknowledgement, F.windowUpdate(0, 1)])
    func `SETTINGS come first (3.4)`(frame: [UInt8]) {
        let dialogue = Dialogue(.server)
        #expect(dialogue.hear(Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame) == ["failed settingsExpected"])
        #expect(dialogue.sent.last == "GOAWAY 0 protocolError")
    }

    @Test func `after it has failed a connection takes nothing and says nothing more`() {
        let dialogue = Dialogue.begun(.server)
        #expect(dialogue.hear(F.data(0, "x")) == ["failed frameOnStreamZero"])
        #expect(dialogue.sent == ["GOAWAY 0 protocolError"])
        #expect(dialogue.hear(F.headers(1, F.get)) == ["failed frameOnStreamZero"])
        #expect(dialogue.sent.isEmpty)
    }

    @Test func `a request with content and trailers comes in order, and its place is free after the answer`() {
        let dialogue = Dialogue.begun(.server)
        let lines = dialogue.hear(
            F.headers(1, F.post + ["content-length: 5"], ends: false) + F.data(1, "hel") + F.data(1, "lo")
                + F.headers(1, ["grpc-status: 0", "authorization: x"]))
        #expect(lines == ["request 0 post /", "data 0 hel", "data 0 lo", "trailers 0 grpc-status: 0"])
        let section = FieldSection([":status: 200"])
        #expect(dialogue.write { $0.sendHead(0, section, ends: true, to: &$1) })
        #expect(dialogue.sent == ["HEADERS 1 end"])
        #expect(dialogue.connection.streams.count == 0)
    }

    @Test func `content comes as it arrives, without its padding`() {
        let dialogue = Dialogue.begun(.server)
        dialogue.hear(F.headers(1, F.post, ends: false))
        let lines = dialogue.hearSlowly(F.frame(0, 9, 1, [3] + Array("abc".utf8) + [0, 0, 0]) + F.headers(3, F.get))
        #expect(lines == ["data 0 a", "data 0 b", "data 0 c end", "request 1 get / end"])
    }

    static let disagreements: [(String, [UInt8])] = [
        ("more content than promised", F.data(1, "123456")),
        ("less content than promised", F.data(1, "1234", ends: true)),
        ("no content", F.data(1, "", ends: true)),
        ("trailers too early", F.headers(1, ["a: b"])),
    ]

    @Test(arguments: disagreements)
    func `content and content-length agree (8.1.1)`(what: String, frames: [UInt8]) {
        let dialogue = Dialogue.begun(.server)
        dialogue.hear(F.headers(1, F.post + ["content-length: 5"], ends: false))
        #expect(dialogue.hear(frames) == ["stream 1 malformed(HTTP.Malformed.contentLengthDisagrees)"], "\(what)")
    }

    @Test func `trailers end the stream (8.1)`() {
        let dialogue = Dialogue.begun(.server)
        dialogue.hear(F.headers(1, F.post, ends: false))
        #expect(
            dialogue.hear(F.headers(1, ["a: b"], ends: false)) == [
                "stream 1 malformed(HTTP.Malformed.trailersWithoutEnd)"
            ])
    }

    @Test func `trailers have no pseudo-header (8.1)`() {
        let dialogue = Dialogue.begun(.server)
        dialogue.hear(F.headers(1, F.post, ends: false))
        #expect(dialogue.hear(F.headers(1, [":path: /"])) == ["stream 1 malformed(HTTP.Malformed.pseudoInTrailers)"])
    }

    @Test func `what was on its way to a stream that we reset is passed over (5.1)`() {
        let dialogue = Dialogue.begun(.server)
        dialogue.hear(F.headers(1, F.post, ends: false))
        #expect(dialogue.write { $0.reset(0, .cancel, to: &$1) })
        #expect(
            dialogue.hear(F.data(1, "late") + F.headers(1, ["a: b"]) + F.windowUpdate(1, 1) + F.headers(3, F.get)) == [
                "request 0 get / end"
            ])
    }

    @Test func `a stream that is reset within its content leaves the rest of it aside`() {
        let dialogue = Dialogue.begun(.server)
        dialogue.hear(F.headers(1, F.post, ends: false))
        let frame = F.data(1, "hello")
        #expect(dialogue.hear(Array(frame.prefix(11))) == ["data 0 he"])
        #expect(dialogue.write { $0.reset(0, .cancel, to: &$1) })
        #expect(dialogue.hear(Array(frame.dropFirst(11)) + F.headers(3, F.get)) == ["request 0 get / end"])
    }

    @Test func `what comes on a stream that both sides ended ends the connection (5.1)`() {
        let dialogue = Dialogue.begun(.server)
        dialogue.hear(F.headers(1, F.get))
        let section = FieldSection([":status: 200"])
        dialogue.write { _ = $0.sendHead(0, section, ends: true, to: &$1) }
        #expect(dialogue.hear(F.data(1, "x")) == ["failed frameOnClosedStream"])
    }

    @Test func `streams above the limit are refused and may be tried again (5.1.2)`() {
        var settings = ConnectionSettings()
        settings.maxConcurrentStreams = 2
        let dialogue = Dialogue.begun(.server, settings)
        let lines = dialogue.hear([1, 3, 5].flatMap { F.headers($0, F.get) })
        #expect(lines == ["request 0 get / end", "request 1 get / end", "stream 5 tooManyStreams"])
        #expect(dialogue.sent == ["RST_STREAM 5 refusedStream"])
    }

    @Test func `an oversized head has a place, so that it can be answered`() {
        var settings = ConnectionSettings()
        settings.fields = FieldLimits(bytes: 8192, lines: 8)
        let dialogue = Dialogue.begun(.server, settings)
        #expect(dialogue.hear(F.headers(1, F.get + (0..<5).map { "a\($0): b" })) == ["oversized 0 end"])
        #expect(dialogue.hear(F.headers(3, F.get)) == ["request 1 get / end"])
    }

    @Test func `going away takes two steps, and streams between them are served (6.8)`() {
        let dialogue = Dialogue.begun(.server)
        dialogue.write { $0.announceGoAway(to: &$1) }
        #expect(dialogue.hear(F.headers(1, F.get)) == ["request 0 get / end"])
        dialogue.write { $0.finishGoAway(to: &$1) }
        #expect(dialogue.hear(F.headers(3, F.post, ends: false) + F.data(3, "x") + F.data(3, "", ends: true)).isEmpty)
        #expect(dialogue.sent == ["GOAWAY 2147483647 noError", "GOAWAY 1 noError"])
    }

    @Test func `a PING is answered with its octets`() {
        let dialogue = Dialogue.begun(.server)
        dialogue.hear(F.frame(6, 0, 0, hex("0102030405060708")))
        #expect(dialogue.sent == ["PING ack 0102030405060708"])
    }

    @Test func `places are found and used again through many streams`() {
        var table = StreamTable()
        var living: [UInt32: Int] = [:]
        for id in stride(from: UInt32(1), to: 1201, by: 2) {
            var stream = Stream()
            stream.id = id
            living[id] = table.add(stream)
            if living.count > 50, let old = living.keys.sorted().dropFirst(Int(id % 40)).first, let place = living[old]
            {
                table.remove(place)
                living[old] = nil
                #expect(table.place(of: old) == nil)
            }
            for (id, place) in living where table.place(of: id) != place { Issue.record("\(id) is not at \(place)") }
            #expect(table.count == living.count)
        }
        #expect(table.capacity == 64)
    }
}
