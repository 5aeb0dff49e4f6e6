// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HTTP

struct HTTP2FlowTests {
    typealias F = Frames
    static let chunk = String(repeating: "x", count: 16_384)

    @Test func `a window never passes 2^31-1 and may fall below zero`() {
        var window = FlowWindow(100)
        #expect(!window.consume(101) && window.size == 100)
        #expect(window.consume(100) && window.size == 0)
        #expect(window.expand(-50) && window.size == -50 && window.available == 0)
        #expect(window.expand(Int64(Int32.max) + 50) && window.size == .max)
        #expect(!window.expand(1) && window.size == .max)
    }

    @Test func `a client that sends more than a stream's window has its stream reset (6.9.1)`() {
        let dialogue = Dialogue.begun(.server)
        dialogue.hear(F.headers(1, F.post, ends: false))
        dialogue.hear((0..<4).flatMap { _ in F.data(1, Self.chunk) })
        #expect(dialogue.hear(F.data(1, "x")) == ["stream 1 windowExceeded"])
    }

    @Test func `a client that sends more than the connection's window ends the connection (6.9.1)`() {
        var settings = ConnectionSettings()
        settings.connectionWindow = 65_535
        let dialogue = Dialogue.begun(.server, settings)
        dialogue.hear(F.headers(1, F.post, ends: false) + F.headers(3, F.post, ends: false))
        dialogue.hear((0..<3).flatMap { _ in F.data(1, Self.chunk) })
        #expect(dialogue.hear(F.data(3, Self.chunk)).last == "failed windowExceeded")
    }

    @Test func `what is used up is given back by halves, and padding at once`() {
        var settings = ConnectionSettings()
        settings.connectionWindow = 65_536
        let dialogue = Dialogue.begun(.server, settings)
        dialogue.hear(F.headers(1, F.post, ends: false) + F.data(1, Self.chunk) + F.data(1, Self.chunk))
        #expect(dialogue.sent.isEmpty)
        dialogue.write { $0.consumed(0, 16_384, to: &$1) }
        #expect(dialogue.sent.isEmpty)
        dialogue.write { $0.consumed(0, 16_384, to: &$1) }
        #expect(dialogue.sent == ["WINDOW_UPDATE 0 32768", "WINDOW_UPDATE 1 32768"])
    }

    @Test func `content for streams that are gone gives the connection its window back`() {
        var settings = ConnectionSettings()
        settings.connectionWindow = 65_535
        let dialogue = Dialogue.begun(.server, settings)
        for id in stride(from: UInt32(1), to: 41, by: 2) {
            dialogue.hear(F.headers(id, F.post, ends: false))
            #expect(dialogue.write { $0.reset(0, .cancel, to: &$1) })
            let events = dialogue.hear(F.data(id, Self.chunk))
            #expect(events.isEmpty)
        }
        #expect(dialogue.sent.filter { $0.hasPrefix("WINDOW_UPDATE 0") }.count >= 9)
    }

    @Test func `we send no more than both windows and a frame let through`() {
        let dialogue = Dialogue.begun(.server)
        dialogue.hear(F.settings([(4, 20_000)]) + F.headers(1, F.get))
        let head = FieldSection([":status: 200"])
        dialogue.write { _ = $0.sendHead(0, head, ends: false, to: &$1) }
        dialogue.output = []
        let body = [UInt8](repeating: 0x78, count: 30_000)
        #expect(dialogue.write { $0.sendData(0, body.span, ends: true, to: &$1) } == 20_000)
        #expect(dialogue.sent == ["DATA 1 16384", "DATA 1 3616"])
        #expect(dialogue.hear(F.windowUpdate(1, 50_000)) == ["window 0"])
        #expect(dialogue.write { $0.sendData(0, Array(body.dropFirst(20_000)).span, ends: true, to: &$1) } == 10_000)
        #expect(dialogue.sent == ["DATA 1 10000 end"])
    }

    @Test func `a smaller initial window makes ours negative until it is given back (6.9.2)`() {
        let dialogue = Dialogue.begun(.server)
        dialogue.hear(F.headers(1, F.get))
        let head = FieldSection([":status: 200"])
        dialogue.write { _ = $0.sendHead(0, head, ends: false, to: &$1) }
        let body = [UInt8](repeating: 0x78, count: 10_000)
        #expect(dialogue.write { $0.sendData(0, body.span, ends: false, to: &$1) } == 10_000)
        dialogue.hear(F.settings([(4, 5000)]))
        #expect(dialogue.connection.sendable(0) == 0)
        dialogue.hear(F.windowUpdate(1, 5001))
        #expect(dialogue.connection.sendable(0) == 1)
    }

    @Test func `a block longer than a frame goes on in CONTINUATION and comes back whole`() throws {
        let dialogue = Dialogue.begun(.server)
        dialogue.hear(F.headers(1, F.get))
        let lines = [":status: 200"] + (0..<50).map { "name-\($0): " + String(repeating: "~", count: 900) }
        let head = FieldSection(lines)
        #expect(dialogue.write { $0.sendHead(0, head, ends: true, to: &$1) })
        let octets = dialogue.output
        #expect(Frames.read(octets) == ["HEADERS 1 end", "CONTINUATION 1", "CONTINUATION 1"])
        let client = Dialogue.begun(.client)
        #expect(client.open(F.get) == 0)
        #expect(client.hear(octets) == ["response 0 200 end"])
        #expect(client.section.texts == lines)
    }
}
