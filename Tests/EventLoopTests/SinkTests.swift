// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import Testing

/// Pairs of sockets on one loop that throw a byte to and fro.
private actor PingPong {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private var ends: [Int32] = []
    private var tokens: [UInt64] = []
    private var turns = 0

    init(loop: EventLoop) { self.loop = loop }

    /// Tokens in the order in which their events came, when there have been so many.
    func play(_ tokens: (UInt64, UInt64), events: Int) async throws -> [UInt64] {
        try openPair()
        let (done, stream) = AsyncStream.makeStream(of: Void.self)
        let sink = try loop.sink { token, _ in
            self.tokens.append(token)
            self.answer(isFirst: token == tokens.0, goesOn: self.tokens.count < events)
            if self.tokens.count == events { stream.yield() }
        }
        #expect(loop.watch(ends[0], for: .readable, sink: sink, token: tokens.0) == 0)
        #expect(loop.watch(ends[1], for: .readable, sink: sink, token: tokens.1) == 0)
        write(to: ends[0])
        for await _ in done { break }
        return self.tokens
    }

    /// Whether a descriptor of a removed sink is silent while another speaks.
    func listenToRemoved() async throws -> [UInt64] {
        try openPair()
        let removed = try loop.sink { token, _ in self.tokens.append(token) }
        loop.remove(removed)
        #expect(loop.watch(ends[0], for: [.writable, .edgeTriggered], sink: removed, token: 1) == 0)
        return try await play((2, 3), events: 2)
    }

    /// How often a turn's end was told while it asked for more.
    func turnsAskedFor(_ count: Int) async -> Int {
        await withCheckedContinuation { continuation in
            loop.onTurn {
                self.turns += 1
                if self.turns == count { continuation.resume(returning: self.turns) }
                return self.turns < count
            }
        }
    }

    private func openPair() throws {
        let listener = try Descriptor.listener(on: .loopback(port: 0))
        let client = try Descriptor.stream(for: try listener.localAddress())
        _ = try client.connect(to: try listener.localAddress())
        var address = SocketAddress.loopback(port: 0)
        var accepted = listener.acceptFrom(&address)
        while accepted == -EAGAIN { accepted = listener.acceptFrom(&address) }
        for end in ends { close(end) }
        ends = [client.release(), accepted]
    }

    private func answer(isFirst: Bool, goesOn: Bool) {
        var byte: UInt8 = 0
        let own = isFirst ? ends[0] : ends[1]
        #expect(read(own, &byte, 1) == 1)
        if goesOn { #expect(Glibc.write(own, &byte, 1) == 1) }
    }

    private func write(to end: Int32) {
        var byte: UInt8 = 1
        #expect(Glibc.write(end, &byte, 1) == 1)
    }

    deinit { for end in ends { close(end) } }
}

struct SinkTests {
    private func withLoop<Answer>(_ body: (PingPong) async throws -> Answer) async throws -> Answer {
        let loop = try EventLoop.start(name: "test")
        defer { loop.stop() }
        return try await body(PingPong(loop: loop))
    }

    @Test func `one sink tells its descriptors apart by its own tokens`() async throws {
        let tokens: (UInt64, UInt64) = (1 << 56 - 1, 1 << 55)
        let heard = try await withLoop { try await $0.play(tokens, events: 4) }
        #expect(heard == [tokens.1, tokens.0, tokens.1, tokens.0])
    }

    @Test func `a removed sink hears nothing, and others go on`() async throws {
        let heard = try await withLoop { try await $0.listenToRemoved() }
        #expect(heard == [3, 2])
    }

    @Test func `a turn that leaves work asks for the next at once`() async throws {
        #expect(try await withLoop { await $0.turnsAskedFor(1000) } == 1000)
    }
}
