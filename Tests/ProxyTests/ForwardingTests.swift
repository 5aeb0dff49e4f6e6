// SPDX-License-Identifier: Apache-2.0

import HTTP
import TestSupport
import Testing

/// What backends are told of clients.
@Suite(.requires("curl"))
struct ForwardingTests {
    private static let loopback = ForwardingSettings.Prefix(high: 0, low: 0xffff_7f00_0000, length: 104)
    private static let elsewhere = ForwardingSettings.Prefix(high: 0, low: 0xffff_0a00_0000, length: 104)
    private static let lies =
        "-H 'X-Forwarded-For: 9.9.9.9' -H 'X-Forwarded-Proto: https' -H 'X-Forwarded-Host: a' -H 'X-Real-IP: 9.9.9.9' "
        + "-H 'Forwarded: for=9.9.9.9' -H 'X-Forwarded-Port: 1'"

    /// The fields of this kind that the backend saw, by HTTP/1.1 and HTTP/2.
    private static func seen(
        _ settings: ForwardingSettings, _ arguments: String = "", by version: ProxyConfiguration.Version = .http1
    ) async throws -> [[String]] {
        let server = try ScriptedHTTPServer { .answer(body: $0.head) }
        defer { server.stop() }
        // Behind one of HTTP/2 there is a second proxy, which changes nothing.
        let behind = try await Fixture(backends: [server.port]) { $0.forwarding.trusted = [Self.loopback] }
        let port = version == .http1 ? server.port : behind.port
        let proxy = try await Fixture(version, backends: [port]) { $0.forwarding = settings }
        let heads = try proxy.curl("/", arguments)
        await proxy.end()
        await behind.end()
        let names = ["x-", "forwarded", "via"]
        return heads.map { head in
            head.split(whereSeparator: \.isNewline).map(String.init)
                .filter { line in names.contains { line.lowercased().hasPrefix($0) } }.sorted()
        }
    }

    @Test(arguments: [ProxyConfiguration.Version.http1, .http2])
    func `backends learn who asks, how, and by which protocol`(version: ProxyConfiguration.Version) async throws {
        let seen = try await Self.seen(ForwardingSettings(fields: .both), by: version)
        let own = ["forwarded: for=127.0.0.1;proto=http", "x-forwarded-for: 127.0.0.1", "x-forwarded-proto: http"]
        let ends = ["via: 1.1 sluice", "via: 2 sluice"]
        #expect(seen == ends.map { [own[0], $0] + own[1...] })
    }

    @Test func `what an unknown client says of itself is taken out`() async throws {
        let settings = ForwardingSettings(fields: .xForwarded, trusted: [Self.elsewhere])
        let seen = try await Self.seen(settings, Self.lies)
        #expect(
            seen.map { $0.dropFirst() } == [
                ["x-forwarded-for: 127.0.0.1", "x-forwarded-proto: http"],
                ["x-forwarded-for: 127.0.0.1", "x-forwarded-proto: http"],
            ])
    }

    @Test func `it is taken out also where nothing is told instead`() async throws {
        #expect(try await Self.seen(ForwardingSettings(), Self.lies) == [[], []])
    }

    @Test func `what a trusted proxy says is kept, and it goes behind the clients that it names`() async throws {
        let settings = ForwardingSettings(fields: .both, trusted: [Self.elsewhere, Self.loopback])
        let seen = try await Self.seen(settings, Self.lies + " -H 'X-Forwarded-For: 8.8.8.8' -H 'Via: 1.0 other'")
        for lines in seen {
            #expect(lines.contains("x-forwarded-for: 9.9.9.9, 8.8.8.8, 127.0.0.1"))
            #expect(lines.contains("forwarded: for=9.9.9.9, for=127.0.0.1;proto=http"))
            #expect(lines.contains("x-forwarded-proto: https") && !lines.contains("x-forwarded-proto: http"))
            #expect(lines.contains("x-forwarded-host: a") && lines.contains("x-real-ip: 9.9.9.9"))
            #expect(lines.contains("via: 1.0 other") && lines.count == 8)
        }
    }

    @Test func `a head without room for what is added is too large`() async throws {
        let server = try ScriptedHTTPServer { _ in .answer() }
        defer { server.stop() }
        let proxy = try await Fixture(backends: [server.port]) { $0.forwarding.fields = .both }
        let client = try PlainSocket(port: proxy.port)
        let fields = (0..<95).map { "A\($0): b\r\n" }.joined()
        client.write("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
        let answer = client.read(until: "\r\n\r\n")
        await proxy.end()
        #expect(answer.hasPrefix("HTTP/1.1 431 ") && server.requests.isEmpty)
    }

    @Test func `a list that would grow beyond bounds is refused`() async throws {
        let server = try ScriptedHTTPServer { _ in .answer() }
        defer { server.stop() }
        let settings = ForwardingSettings(fields: .xForwarded, trusted: [Self.loopback])
        let proxy = try await Fixture(backends: [server.port]) { $0.forwarding = settings }
        let client = try PlainSocket(port: proxy.port)
        let field = "X-Forwarded-For: " + String(repeating: "1", count: 7_000) + "\r\n"
        client.write("GET / HTTP/1.1\r\nHost: a\r\n\(field)\(field)\r\n")
        let answer = client.read(until: "\r\n\r\n")
        await proxy.end()
        #expect(answer.hasPrefix("HTTP/1.1 431 ") && server.requests.isEmpty)
    }
}
