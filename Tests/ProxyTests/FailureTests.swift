// SPDX-License-Identifier: Apache-2.0

import EventLoop
import HTTP
import TestSupport
import Testing

/// What clients see of backends that fail, and which requests are sent again.
@Suite(.requires("curl"))
struct FailureTests {
    private static let shown = "-w '%{http_code} %header{proxy-status}'"

    @Test func `a backend that nobody serves is answered for`() async throws {
        let proxy = try await Fixture(backends: ServerProcess.freePorts(1))
        let answers = try proxy.curl("/", Self.shown)
        await proxy.end()
        #expect(answers == Array(repeating: "502 sluice; error=connection_refused", count: 2))
    }

    @Test func `a request without a route is answered`() async throws {
        let proxy = try await Fixture(backends: []) { $0.routes = [] }
        let answers = try proxy.curl("/", Self.shown)
        await proxy.end()
        #expect(answers == Array(repeating: "404 sluice; error=destination_not_found", count: 2))
    }

    @Test func `where a connect fails another backend takes the request`() async throws {
        let server = try ScriptedHTTPServer { .answer(body: $0.body) }
        defer { server.stop() }
        let proxy = try await Fixture(backends: ServerProcess.freePorts(1) + [server.port])
        let answers = try (0..<4).flatMap { _ in try proxy.curl("/", "-d content -w ' %{http_code}'") }
        await proxy.end()
        #expect(answers == Array(repeating: "content 200", count: 8))
    }

    @Test func `a connection that ends before an answer costs a GET nothing`() async throws {
        let server = try ScriptedHTTPServer { $0.number % 2 == 1 ? .close : .answer(body: "second") }
        defer { server.stop() }
        let proxy = try await Fixture(backends: [server.port])
        let answers = try proxy.curl("/")
        await proxy.end()
        #expect(answers == ["second", "second"])
    }

    @Test func `a POST that may have been served is not sent again`() async throws {
        let server = try ScriptedHTTPServer { _ in .close }
        defer { server.stop() }
        let proxy = try await Fixture(backends: [server.port])
        let answers = try proxy.curl("/", "-d content \(Self.shown)")
        await proxy.end()
        #expect(answers == Array(repeating: "502 sluice; error=connection_terminated", count: 2))
        #expect(server.requests.count == 2)
    }

    @Test func `a backend that says nothing in time is answered for`() async throws {
        let server = try ScriptedHTTPServer { _ in .silence }
        defer { server.stop() }
        let proxy = try await Fixture(backends: [server.port]) { $0.routes[1].timeout = .milliseconds(300) }
        let answers = try proxy.curl("/", Self.shown)
        await proxy.end()
        #expect(answers == Array(repeating: "504 sluice; error=http_response_timeout", count: 2))
    }

    @Test func `what is no HTTP is answered for`() async throws {
        let server = try ScriptedHTTPServer { _ in .raw("+PONG\r\nsomething\r\n\r\n") }
        defer { server.stop() }
        let proxy = try await Fixture(backends: [server.port])
        let answers = try proxy.curl("/", Self.shown)
        await proxy.end()
        #expect(answers == Array(repeating: "502 sluice; error=http_protocol_error", count: 2))
    }

    @Test func `a response that is cut off is cut off for the client`() async throws {
        let server = try ScriptedHTTPServer { _ in .raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart") }
        defer { server.stop() }
        let proxy = try await Fixture(backends: [server.port])
        let answers = try proxy.curl("/", "-o /dev/null")
        await proxy.end()
        #expect(answers[0].contains("transfer closed"))
        #expect(answers[1].contains("not closed cleanly: INTERNAL_ERROR"))
    }
}
