// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Model
import TestSupport
import Testing

@testable import Health

/// Runs single probes on a loop.
private actor Prober {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private var probe: Probe?

    init(loop: EventLoop) { self.loop = loop }

    func result(of target: ProbeTarget) async -> Probe.Result {
        let result = await withCheckedContinuation { continuation in
            let probe = Probe(on: loop) { continuation.resume(returning: $0) }
            probe.start(target)
            self.probe = probe
        }
        probe?.close()
        return result
    }
}

struct ProbeTests {
    private static let http = HealthCheck.Probe.http(port: nil, path: "/healthz", host: nil, status: 200...299)
    private static let tcp = HealthCheck.Probe.tcp(port: nil)

    private func probe(
        _ probe: HealthCheck.Probe, port: UInt16, timeout: Duration = .seconds(30)
    ) async throws -> Probe.Result {
        let loop = try EventLoop.start(name: "probes")
        defer { loop.stop() }
        let check = HealthCheck(probe: probe, timeout: timeout)
        let target = ProbeTarget(
            key: .init(service: "web", backend: "a"), address: IPAddress(v4: 0x7f00_0001), port: port, check: check)
        return await Prober(loop: loop).result(of: target)
    }

    @Test(arguments: [
        (ScriptedServer.Behaviour.answer("HTTP/1.1 200 OK\r\n\r\n"), Probe.Result.success),
        (.answer("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"), .success),
        (.answer("HTTP/1.1 503 Service Unavailable\r\n\r\n"), .failure("status 503")),
        (.answer("HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n"), .failure("status 301")),
        (.answer("220 mail.example.org ESMTP\r\n"), .failure("not an HTTP answer")),
        (.answer("HTTP/1.1 200 OK\r\nUnfinished: "), .failure("no answer within 200 ms")),
        (
            .answer("HTTP/1.1 200 OK\r\nLong: " + String(repeating: "x", count: 40_000)),
            .failure("headers longer than 16384 bytes")
        ),
        (.trickle("HTTP/1.1 200 OK\r\nServer: slow\r\n\r\n"), .failure("no answer within 200 ms")),
        (.silent, .failure("no answer within 200 ms")),
    ])
    func `an HTTP check judges the answer`(behaviour: ScriptedServer.Behaviour, expected: Probe.Result) async throws {
        let server = try ScriptedServer(behaviour)
        defer { server.stop() }
        // A time limit that is to pass is short; the others are not to pass, however slow the machine.
        let isLate = expected == .failure("no answer within 200 ms")
        let timeout = isLate ? Duration.milliseconds(200) : .seconds(30)
        #expect(try await probe(Self.http, port: server.port, timeout: timeout) == expected)
    }

    @Test func `an HTTP check fails where the server closes without an answer`() async throws {
        let server = try ScriptedServer(.closeAtOnce)
        defer { server.stop() }
        let result = try await probe(Self.http, port: server.port)
        // Whether the request was on its way already decides between the two.
        #expect(
            [.failure("closed before a whole answer"), .failure("read: connection reset by peer")].contains(result))
    }

    @Test func `an HTTP request names its host and asks for the connection to be closed`() async throws {
        let server = try ScriptedServer(.answer("HTTP/1.1 200 OK\r\n\r\n"))
        defer { server.stop() }
        _ = try await probe(Self.http, port: server.port)
        let request = try #require(server.lastRequest)
        #expect(request.hasPrefix("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\n"))
        #expect(request.contains("\r\nConnection: close\r\n"))
        #expect(request.hasSuffix("\r\n\r\n"))
    }

    @Test func `a host that the check names is the one that is asked for`() async throws {
        let server = try ScriptedServer(.answer("HTTP/1.1 200 OK\r\n\r\n"))
        defer { server.stop() }
        let check = HealthCheck.Probe.http(port: nil, path: "/", host: "example.org", status: 200...200)
        _ = try await probe(check, port: server.port)
        #expect(server.lastRequest?.hasPrefix("GET / HTTP/1.1\r\nHost: example.org\r\n") == true)
    }

    @Test func `a TCP check is content with a connection`() async throws {
        let server = try ScriptedServer(.silent)
        defer { server.stop() }
        #expect(try await probe(Self.tcp, port: server.port) == .success)
    }

    @Test(arguments: [Self.tcp, Self.http])
    func `a refused connection fails before the time limit is over`(check: HealthCheck.Probe) async throws {
        let listener = try Descriptor.listener(on: .loopback(port: 0))
        let port = try listener.localAddress().port
        _ = consume listener
        #expect(try await probe(check, port: port) == .failure("connection refused"))
    }

    @Test(arguments: [Self.tcp, Self.http])
    func `a host that does not answer fails when the time limit is over`(check: HealthCheck.Probe) async throws {
        let hole = try BlackHole()
        let result = try await probe(check, port: hole.port, timeout: .milliseconds(200))
        #expect(result == .failure("no connection within 200 ms"))
    }

    @Test(.requires("root")) func `a marked probe to this host itself fails, whoever answers`() async throws {
        let server = try ScriptedServer(.silent)
        defer { server.stop() }
        let loop = try EventLoop.start(name: "probes")
        defer { loop.stop() }
        let target = ProbeTarget(
            key: .init(service: "web", backend: "a"), address: IPAddress(v4: 0x7f00_0001), port: server.port,
            check: HealthCheck(probe: Self.tcp), mark: 0x5100_0001)
        #expect(await Prober(loop: loop).result(of: target) == .failure("the VIP is an address of this host"))
    }
}
