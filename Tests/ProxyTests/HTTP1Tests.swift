// SPDX-License-Identifier: Apache-2.0

import HTTP
import TestSupport
import Testing

/// Clients of HTTP/1.1 and a backend of HTTP/1.1, on real sockets.
struct HTTP1Tests {
    private static func echo() throws -> ScriptedHTTPServer {
        try ScriptedHTTPServer { .answer(headers: ["X-Target": $0.target], body: "\($0.method) \($0.body)") }
    }

    @Test(.requires("curl")) func `a request and its content reach the backend, and its answer the client`()
        async throws
    {
        let server = try Self.echo()
        defer { server.stop() }
        let proxy = try await Fixture(backends: [server.port])
        let answers = try proxy.curl("/a?b=c", "-d hello -w ' %{http_code} %{http_version} %header{x-target}'")
        await proxy.end()
        #expect(answers == ["POST hello 200 1.1 /a?b=c", "POST hello 200 2 /a?b=c"])
    }

    @Test func `requests that were sent ahead are answered in their order`() async throws {
        let server = try Self.echo()
        defer { server.stop() }
        let proxy = try await Fixture(backends: [server.port])
        let client = try PlainSocket(port: proxy.port)
        let requests = (1...20).map { "POST /\($0) HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n\($0 % 10)" }
        client.write(requests.joined())
        client.endWriting()
        let answer = client.read()
        await proxy.end()
        let bodies = answer.split(separator: "POST ").dropFirst().map { $0.prefix(1) }
        #expect(bodies == (1...20).map { "\($0 % 10)" })
    }

    @Test func `a request that could be read in two ways is refused, and its connection ends`() async throws {
        let server = try Self.echo()
        defer { server.stop() }
        let proxy = try await Fixture(backends: [server.port])
        let client = try PlainSocket(port: proxy.port)
        client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        let answer = client.read()
        await proxy.end()
        #expect(answer.hasPrefix("HTTP/1.1 400 "))
        #expect(server.requests.isEmpty)
    }

    @Test func `chunks with trailers arrive as content`() async throws {
        let server = try ScriptedHTTPServer { request in .answer(body: request.head) }
        defer { server.stop() }
        let proxy = try await Fixture(backends: [server.port])
        let client = try PlainSocket(port: proxy.port)
        client.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close, x-own\r\nX-Own: 1\r\nX-Kept: 2\r\n\r\n")
        let answer = client.read()
        await proxy.end()
        #expect(answer.contains("x-kept: 2"))
        #expect(!answer.contains("x-own"))
    }

    @Test func `a response to the end of its connection comes in chunks`() async throws {
        let server = try ScriptedHTTPServer { _ in .raw("HTTP/1.1 200 OK\r\n\r\nto the end") }
        defer { server.stop() }
        let proxy = try await Fixture(backends: [server.port])
        let client = try PlainSocket(port: proxy.port)
        client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let answer = client.read(until: "0\r\n\r\n")
        await proxy.end()
        #expect(answer.hasSuffix("transfer-encoding: chunked\r\n\r\na\r\nto the end\r\n0\r\n\r\n"))
    }

    @Test func `a client of HTTP 1.0 gets no chunks`() async throws {
        let server = try ScriptedHTTPServer { _ in
            .raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
        }
        defer { server.stop() }
        let proxy = try await Fixture(backends: [server.port])
        let client = try PlainSocket(port: proxy.port)
        client.write("GET / HTTP/1.0\r\n\r\n")
        let answer = client.read()
        await proxy.end()
        #expect(answer.hasSuffix("connection: close\r\n\r\nhello"))
    }

    @Test func `an interim response goes before the final one`() async throws {
        let server = try ScriptedHTTPServer { _ in
            .raw("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        }
        defer { server.stop() }
        let proxy = try await Fixture(backends: [server.port])
        let client = try PlainSocket(port: proxy.port)
        client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let answer = client.read(until: "ok")
        await proxy.end()
        #expect(
            answer == "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
    }

    @Test func `a WebSocket's octets go both ways`() async throws {
        let server = try ScriptedHTTPServer { _ in
            .raw("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nframes")
        }
        defer { server.stop() }
        let proxy = try await Fixture(backends: [server.port])
        let client = try PlainSocket(port: proxy.port)
        client.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        let answer = client.read()
        await proxy.end()
        #expect(answer.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
        #expect(answer.hasSuffix("\r\n\r\nframes"))
        #expect(server.requests.first?.head.contains("upgrade: websocket") == true)
    }
}
