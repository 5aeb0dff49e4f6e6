// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import HTTP

/// Against another implementation: Debian's python3-h2, without sockets.
@Suite(.requires("python3"))
struct HTTP2PeerTests {
    /// Prints its own octets in hexadecimal, then a line for each event of the octets that it is given.
    private static let script = """
        import sys, h2.connection, h2.config, h2.events as e
        role, given = sys.argv[1], bytes.fromhex(sys.argv[2])
        c = h2.connection.H2Connection(h2.config.H2Configuration(client_side=role == "client", header_encoding="utf-8"))
        c.initiate_connection()
        long = [("x-%d" % i, "~" * 500) for i in range(60)]
        if role == "client":
            get = [(":method", "GET"), (":scheme", "http"), (":authority", "a.example"), (":path", "/g")]
            c.send_headers(1, get, end_stream=True)
            c.send_headers(3, [(":method", "POST")] + get[1:], end_stream=False)
            c.send_data(3, b"hello", pad_length=9)
            c.send_headers(3, [("checksum", "5")], end_stream=True)
            c.send_headers(5, get + long, end_stream=True)
            c.ping(b"12345678")
        lines = []
        for event in c.receive_data(given):
            if isinstance(event, (e.RequestReceived, e.ResponseReceived, e.TrailersReceived)):
                lines.append("%s %d %s" % (type(event).__name__, event.stream_id, dict(event.headers).get(":path", len(event.headers))))
                if role == "server":
                    c.send_headers(event.stream_id, [(":status", "200"), ("server", "h2")])
                    c.send_data(event.stream_id, b"x" * 3000, end_stream=True)
            elif isinstance(event, e.DataReceived):
                lines.append("Data %d %d" % (event.stream_id, len(event.data)))
            elif isinstance(event, (e.StreamEnded, e.StreamReset, e.ConnectionTerminated, e.PingAckReceived)):
                lines.append(type(event).__name__)
        print(c.data_to_send().hex())
        print("\\n".join(lines))
        """

    private static func ask(_ role: String, _ given: [UInt8]) throws -> (octets: [UInt8], lines: [String]) {
        let folder = try TemporaryDirectory()
        let script = try folder.write(Self.script, to: "peer.py")
        let answer = try Shell.run("/usr/bin/python3 \(script) \(role) '\(given.hexadecimal)'")
        let lines = answer.split(separator: "\n").map(String.init)
        return (hex(lines.first ?? ""), Array(lines.dropFirst()))
    }

    @Test func `our server serves python-h2's client`() throws {
        let server = Dialogue(.server)
        let events = server.hear(try Self.ask("client", []).octets)
        #expect(
            events == [
                "request 0 get /g end", "request 1 post /g", "data 1 hello", "trailers 1 checksum: 5",
                "request 2 get /g end",
            ])
        #expect(server.section.count == 64)
        let head = FieldSection([":status: 200", "content-type: text/plain"])
        let body = [UInt8](repeating: 0x78, count: 20_000)
        for place in 0..<3 {
            #expect(server.write { $0.sendHead(place, head, ends: false, to: &$1) })
            #expect(server.write { $0.sendData(place, body.span, ends: true, to: &$1) } == 20_000)
        }
        let answer = ["ResponseReceived", "Data", "Data", "StreamEnded"]
        let lines = try Self.ask("client", server.output).lines.map { String($0.prefix { $0 != " " }) }
        #expect(lines == ["PingAckReceived"] + answer + answer + answer)
    }

    @Test func `our client is served by python-h2`() throws {
        let client = Dialogue(.client)
        #expect(client.open(Frames.get) == 0)
        #expect(client.open(Frames.post, ends: false, method: .post) == 1)
        #expect(client.write { $0.sendData(1, Array("content".utf8).span, ends: true, to: &$1) } == 7)
        let long = Frames.get + (0..<60).map { "x-\($0): " + String(repeating: "~", count: 700) }
        #expect(client.open(long) == 2)
        let (octets, lines) = try Self.ask("server", client.output)
        #expect(
            lines == [
                "RequestReceived 1 /", "StreamEnded", "RequestReceived 3 /", "Data 3 7", "StreamEnded",
                "RequestReceived 5 /", "StreamEnded",
            ])
        let events = client.hear(octets).map { String($0.prefix { $0 != "x" }) }
        #expect(events == (0..<3).flatMap { ["response \($0) 200", "data \($0) "] })
    }
}
