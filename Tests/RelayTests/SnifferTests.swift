// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import Model
import TestSupport
import Testing

@testable import Relay

/// What a sniffer has found, in the order of decisions.
private final class Finds: @unchecked Sendable {
    // Unchecked: written on the loop's thread, read there too.
    var speeches: [SniffedSpeech] = []
    var sockets: [Int32] = []
    var sniffer: Sniffer?

    deinit { for socket in sockets { close(socket) } }
}

@Suite struct SnifferTests {
    private func withSniffer(
        capacity: Int = 16, patience: Duration = .seconds(60),
        _ body: (SocketAddress, @Sendable () async throws -> [SniffedSpeech], EventLoop, Finds) async throws -> Void
    ) async throws {
        let socket = try Descriptor.listener(on: .loopback(port: 0), backlog: 64)
        let address = try socket.localAddress()
        let vip = VIP(address: IPAddress(v4: 0x7f00_0001), port: address.port, transport: .tcp)
        let loop = try EventLoop.start(name: "sniffer")
        defer { loop.stop() }
        let finds = Finds()
        let number = socket.release()
        try await Self.on(loop) {
            let sniffer = Sniffer(loop: loop, capacity: capacity, patience: patience) { [unowned finds] in
                let number = $0.release()
                finds.sockets.append(number)
                finds.speeches.append($3)
            }
            try sniffer.listen(on: Descriptor(adopting: number), for: vip)
            finds.sniffer = sniffer
        }
        try await body(address, { try await Self.on(loop) { finds.speeches } }, loop, finds)
        try await Self.on(loop) { finds.sniffer = nil }
    }

    private static func on<Value: Sendable>(
        _ loop: EventLoop, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            loop.execute { continuation.resume(with: Result { try body() }) }
        }
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\n", SniffedSpeech.http), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .http),
        ("SSH-2.0-x\r\n", .raw),
    ])
    func `a connection is found by its first bytes, which stay with it`(
        said: String, speech: SniffedSpeech
    ) async throws {
        try await withSniffer { address, found, _, finds in
            let client = try PlainSocket(connectedTo: address)
            client.write(said)
            try await awaited("it is found") { try await !found().isEmpty }
            #expect(try await found() == [speech])
            var bytes = [UInt8](repeating: 0, count: 64)
            let count = recv(finds.sockets[0], &bytes, bytes.count, 0)
            #expect(String(decoding: bytes[..<max(count, 0)], as: UTF8.self) == said)
        }
    }

    @Test func `a hello that comes in pieces is waited for, and names its server`() async throws {
        try await withSniffer { address, found, loop, finds in
            let client = try PlainSocket(connectedTo: address)
            let hello = Hello.records(Hello.message(Hello.serverName("A.Test")))
            _ = hello[..<20].withUnsafeBytes { send(client.number, $0.baseAddress, $0.count, 0) }
            try await awaited("it waits") { try await Self.on(loop) { finds.sniffer?.waiting == 1 } }
            _ = hello[20...].withUnsafeBytes { send(client.number, $0.baseAddress, $0.count, 0) }
            try await awaited("it is found") { try await found() == [.tls(name: "a.test")] }
        }
    }

    @Test func `a client that says nothing is decided by time`() async throws {
        try await withSniffer(patience: .milliseconds(50)) { address, found, _, _ in
            let client = try PlainSocket(connectedTo: address)
            try await awaited("it is found") { try await found() == [.undecided] }
            client.endSending()
        }
    }

    @Test func `a client that ends before it is told apart is decided at once`() async throws {
        try await withSniffer { address, found, _, _ in
            let client = try PlainSocket(connectedTo: address)
            client.write("GE")
            client.endSending()
            try await awaited("it is found") { try await found() == [.undecided] }
        }
    }

    @Test func `where there is no room the one that waits longest gives way`() async throws {
        try await withSniffer(capacity: 1) { address, found, loop, finds in
            let silent = try PlainSocket(connectedTo: address)
            try await awaited("it waits") { try await Self.on(loop) { finds.sniffer?.waiting == 1 } }
            let client = try PlainSocket(connectedTo: address)
            client.write("GET / HTTP/1.1\r\n")
            try await awaited("both are decided") { try await found() == [.undecided, .http] }
            silent.endSending()
        }
    }

    @Test func `who leaves without a word is nobody's`() async throws {
        try await withSniffer { address, found, loop, finds in
            do { _ = try PlainSocket(connectedTo: address) }
            let client = try PlainSocket(connectedTo: address)
            client.write("GET / HTTP/1.1\r\n")
            try await awaited("the other is found") { try await found() == [.http] }
            try await awaited("nobody waits") { try await Self.on(loop) { finds.sniffer?.waiting == 0 } }
        }
    }
}
