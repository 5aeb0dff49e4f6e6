// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import Model
import TestSupport
import Testing

@testable import Relay

@Suite struct TCPRelayTests {
    /// A client and its backend's end of one relayed connection.
    private func pair(_ fixture: Fixture, _ listener: PlainListener) throws -> (PlainSocket, PlainSocket) {
        let client = try PlainSocket(connectedTo: fixture.address)
        return (client, try #require(listener.accept()))
    }

    private func withRelay(
        backends: Int = 1, limits: RelayLimits = RelayLimits(connections: 64, pipes: 8),
        policy: RelayPolicy = RelayPolicy(), _ body: (Fixture, [PlainListener]) async throws -> Void
    ) async throws {
        let listeners = try (0..<backends).map { _ in try PlainListener() }
        let fixture = try await Fixture(ports: listeners.map(\.port), limits: limits, policy: policy)
        let result: Result<Void, any Error>
        do { result = .success(try await body(fixture, listeners)) } catch { result = .failure(error) }
        await fixture.end()
        try result.get()
    }

    @Test func `a question and its answer pass, and each side's end comes after its bytes`() async throws {
        try await withRelay { fixture, listeners in
            let (client, backend) = try pair(fixture, listeners[0])
            client.write("question")
            #expect(backend.read() == "question")
            client.endSending()
            #expect(backend.read() == "")
            backend.write("answer")
            backend.endSending()
            #expect(client.read() == "answer")
            #expect(client.read() == "")
            try await awaited("its end") { await fixture.ended(.finished) == 1 }
            let tally = await fixture.tally
            #expect(tally.bytesIn == 8 && tally.bytesOut == 6 && tally.active == 0)
        }
    }

    @Test func `a backend that ends first still hears its client`() async throws {
        try await withRelay { fixture, listeners in
            let (client, backend) = try pair(fixture, listeners[0])
            backend.endSending()
            #expect(client.read() == "")
            client.write("late")
            #expect(backend.read() == "late")
        }
    }

    @Test func `a client's reset resets the backend's connection`() async throws {
        try await withRelay { fixture, listeners in
            var (client, backend): (PlainSocket?, PlainSocket) = try pair(fixture, listeners[0])
            client?.write("x")
            #expect(backend.read() == "x")
            client?.resetOnClose()
            client = nil
            #expect(backend.read() == nil && errno == ECONNRESET)
            try await awaited("its end") { await fixture.ended(.clientReset) == 1 }
        }
    }

    @Test func `a backend's reset resets the client's connection`() async throws {
        try await withRelay { fixture, listeners in
            var (client, backend): (PlainSocket, PlainSocket?) = try pair(fixture, listeners[0])
            // One that resets before the relay has seen the connection come about is taken for one that does not connect.
            client.write("x")
            #expect(backend?.read() == "x")
            backend?.resetOnClose()
            backend = nil
            #expect(client.read() == nil && errno == ECONNRESET)
            try await awaited("its end") { await fixture.ended(.backendReset) == 1 }
        }
    }

    @Test func `where a connect fails the next backend is tried`() async throws {
        let listener = try PlainListener()
        let fixture = try await Fixture(ports: [PlainListener.closedPort(), listener.port])
        for _ in 0..<16 {
            let (client, backend) = try pair(fixture, listener)
            client.write("x")
            #expect(backend.read() == "x")
        }
        #expect(await fixture.tally.connectFailures > 0)
        await fixture.end()
    }

    @Test func `where no backend takes a connection its client is reset`() async throws {
        let fixture = try await Fixture(ports: [PlainListener.closedPort(), PlainListener.closedPort()])
        let client = try PlainSocket(connectedTo: fixture.address)
        #expect(client.read() == nil)
        try await awaited("its end") { await fixture.ended(.connectFailed) == 1 }
        #expect(await fixture.tally.connectFailures == 2)
        await fixture.end()
    }

    @Test func `a connection over which nothing moves is reset after its idle time`() async throws {
        try await withRelay(policy: RelayPolicy(idleTimeout: .milliseconds(300))) { fixture, listeners in
            let (client, backend) = try pair(fixture, listeners[0])
            #expect(client.read() == nil && errno == ECONNRESET)
            #expect(backend.read() == nil)
            #expect(await fixture.ended(.idle) == 1)
        }
    }

    @Test func `a connection over which something moves outlives its idle time`() async throws {
        try await withRelay(policy: RelayPolicy(idleTimeout: .milliseconds(700))) { fixture, listeners in
            let (client, backend) = try pair(fixture, listeners[0])
            let start = ContinuousClock.now
            while ContinuousClock.now - start < .milliseconds(1600) {
                client.write("x")
                try #require(backend.read() == "x")
            }
            #expect(await fixture.ended(.idle) == 0)
        }
    }

    @Test func `connections beyond the service's limit are reset, and counted`() async throws {
        try await withRelay(policy: RelayPolicy(connections: 1)) { fixture, listeners in
            let (first, backend) = try pair(fixture, listeners[0])
            #expect(try PlainSocket(connectedTo: fixture.address).read() == nil)
            first.write("x")
            #expect(backend.read() == "x")
            #expect(await fixture.ended(.serviceLimit) == 1)
        }
    }

    @Test func `a source beyond its limit is reset, and may come again when it has left`() async throws {
        try await withRelay(policy: RelayPolicy(connectionsPerSource: 1)) { fixture, listeners in
            do {
                let (first, _) = try pair(fixture, listeners[0])
                #expect(try PlainSocket(connectedTo: fixture.address).read() == nil)
                #expect(await fixture.ended(.sourceLimit) == 1)
                first.resetOnClose()
            }
            try await awaited("the first to be gone") { await fixture.worker.connections == 0 }
            let (second, backend) = try pair(fixture, listeners[0])
            second.write("y")
            #expect(backend.read() == "y")
        }
    }

    @Test(arguments: [(RelayPolicy.ProxyProtocol.v1, 1), (.v2, 2)])
    func `the backend is told the client's address before the first byte`(
        version: RelayPolicy.ProxyProtocol, number: Int
    ) async throws {
        try await withRelay(policy: RelayPolicy(proxyProtocol: version)) { fixture, listeners in
            let (client, backend) = try pair(fixture, listeners[0])
            let text = try #require(backend.read())
            #expect(text.hasPrefix(number == 1 ? "PROXY TCP4 127.0.0.1 127.0.0.1 " : "\r\n\r\n\0\r\nQUIT\n"))
            client.write("x")
            #expect(backend.read() == "x")
        }
    }

    @Test func `after a swap new connections go to the new backends, and old ones keep theirs`() async throws {
        try await withRelay(backends: 2) { fixture, listeners in
            let ports = listeners.map(\.port)
            let only = Fixture.service(fixture.vip, ports: ports, draining: [1])
            await fixture.worker.apply(Fixture.table(only))
            let (old, oldBackend) = try pair(fixture, listeners[0])
            await fixture.worker.apply(Fixture.table(Fixture.service(fixture.vip, ports: ports, draining: [0])))
            let (new, newBackend) = try pair(fixture, listeners[1])
            old.write("old")
            new.write("new")
            #expect(oldBackend.read() == "old")
            #expect(newBackend.read() == "new")
        }
    }

    @Test func `connections of a backend that is gone are reset`() async throws {
        try await withRelay { fixture, listeners in
            let (client, backend) = try pair(fixture, listeners[0])
            client.write("x")
            #expect(backend.read() == "x")
            await fixture.worker.apply(Fixture.table(Fixture.service(fixture.vip, ports: [])))
            #expect(client.read() == nil)
            #expect(backend.read() == nil)
            #expect(await fixture.ended(.drained) == 1)
        }
    }

    @Test func `a draining worker takes nothing new and finishes what it has`() async throws {
        try await withRelay { fixture, listeners in
            let (client, backend) = try pair(fixture, listeners[0])
            await fixture.worker.drain()
            #expect(throws: SystemError.self) { try PlainSocket(connectedTo: fixture.address) }
            client.write("x")
            #expect(backend.read() == "x")
        }
    }

    @Test func `clients that the service denies are reset`() async throws {
        try await withRelay { fixture, listeners in
            let denied = Fixture.service(fixture.vip, ports: [listeners[0].port]) {
                $0.deny = [IPPrefix(IPAddress(v4: 0x7f00_0000), length: 8)].compactMap(\.self)
            }
            await fixture.worker.apply(Fixture.table(denied))
            let client = try PlainSocket(connectedTo: fixture.address)
            #expect(client.read() == nil)
            #expect(await fixture.ended(.denied) == 1)
        }
    }
}
