// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HTTP

/// From one version to the other and back.
struct HTTP1WriterTests {
    /// The request of HTTP/1.1 that a request of HTTP/2 becomes.
    static func request(
        _ lines: [String], _ framing: HTTP1Framing = .none, _ connection: HTTP1Writer.Connection = .unsaid,
        extendedConnect: Bool = false
    ) throws -> String {
        var section = FieldSection(lines)
        let head = try HeadRules.request(&section, extendedConnect: extendedConnect)
        return written { #expect(HTTP1Writer.request(section, head, framing, connection, to: &$0)) }.text
    }

    @Test func `a request of HTTP/2 becomes one of HTTP/1.1`() throws {
        let lines = Frames.get + ["cookie: a=1", "x: y", "cookie: b=2", "te: trailers"]
        #expect(try Self.request(lines) == "GET / HTTP/1.1\r\nhost: a.example\r\ncookie: a=1; b=2\r\nx: y\r\n\r\n")
    }

    @Test func `a length is written once, whatever the fields said`() throws {
        let lines = Frames.post + ["content-length: 5"]
        #expect(
            try Self.request(lines, .length(5)) == "POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 5\r\n\r\n")
        #expect(
            try Self.request(lines, .chunked)
                == "POST / HTTP/1.1\r\nhost: a.example\r\ntransfer-encoding: chunked\r\n\r\n")
        #expect(try Self.request(Frames.post) == "POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 0\r\n\r\n")
    }

    @Test func `an extended CONNECT becomes an upgrade (8441 5)`() throws {
        let lines = [":method: CONNECT", ":protocol: websocket"] + Frames.get.dropFirst()
        let text = try Self.request(lines, .none, .upgradeToWebSocket, extendedConnect: true)
        #expect(text == "GET / HTTP/1.1\r\nhost: a.example\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
    }

    @Test func `a request of HTTP/1.1 becomes one of HTTP/2 that is valid there`() throws {
        var reader = RequestReader()
        var section = FieldSection()
        let text =
            RequestReaderTests.post
            + "Content-Length: 5\r\nConnection: X, close\r\nX: 1\r\nTE: trailers\r\nUpgrade: h2c\r\n\r\n"
        _ = try reader.read(Array(text.utf8).span, from: 0, scheme: "https", into: &section)
        let client = Dialogue.begun(.client)
        #expect(
            client.write { connection, writer in
                connection.open(section, method: .post, ends: false, to: &writer)
            } == .opened(0))
        let server = Dialogue.begun(.server)
        #expect(server.hear(client.output) == ["request 0 post /"])
        #expect(
            server.section.texts == [
                ":method: POST", ":scheme: https", ":authority: a.example", ":path: /", "content-length: 5",
                "te: trailers",
            ])
    }

    static let responses: [([String], UInt16, HTTP1Framing, HTTP1Writer.Connection, String)] = [
        ([":status: 200", "a: b"], 200, .length(5), .unsaid, "HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 5\r\n\r\n"),
        (
            [":status: 200"], 200, .chunked, .keepAlive,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: keep-alive\r\n\r\n"
        ),
        (
            [":status: 304", "content-length: 9"], 304, .none, .close,
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\nconnection: close\r\n\r\n"
        ),
        ([":status: 204", "content-length: 0"], 204, .none, .unsaid, "HTTP/1.1 204 No Content\r\n\r\n"),
        ([":status: 799"], 799, .length(0), .unsaid, "HTTP/1.1 799 \r\ncontent-length: 0\r\n\r\n"),
        (
            [":status: 101"], 101, .tunnel, .upgradeToWebSocket,
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
        ),
    ]

    @Test(arguments: responses)
    func `a response is written with one length`(
        lines: [String], status: UInt16, framing: HTTP1Framing, connection: HTTP1Writer.Connection, expected: String
    ) {
        let section = FieldSection(lines)
        let octets = written {
            #expect(HTTP1Writer.response(section, status: status, framing, connection, to: &$0))
        }
        #expect(octets.text == expected)
    }

    @Test func `trailers follow the last chunk`() {
        let section = FieldSection(["grpc-status: 0"])
        #expect(written { _ = HTTP1Writer.trailers(section, to: &$0) }.text == "0\r\ngrpc-status: 0\r\n\r\n")
    }

    @Test func `without room for the worst nothing is written`() throws {
        var section = FieldSection(Frames.get)
        let head = try HeadRules.request(&section, extendedConnect: false)
        let octets = written(room: 100) {
            #expect(!HTTP1Writer.request(section, head, .none, .unsaid, to: &$0))
        }
        #expect(octets.isEmpty)
    }
}
