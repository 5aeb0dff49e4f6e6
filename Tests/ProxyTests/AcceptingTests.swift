// SPDX-License-Identifier: Apache-2.0

import EventLoop
import HTTP
import Synchronization
import TestSupport
import Testing

struct AcceptingTests {
    private static let request = "GET /-/answer HTTP/1.1\r\nHost: example.org\r\n\r\n"

    /// Turns that the loop takes in a while in which nothing comes.
    private static func turns(of loop: EventLoop, in time: Duration) async -> Int {
        await withCheckedContinuation { continuation in
            loop.execute {
                let turns = Mutex(0)
                loop.onTurn {
                    turns.withLock { $0 += 1 }
                    return false
                }
                let timer = loop.timer { continuation.resume(returning: turns.withLock { $0 }) }
                loop.arm(timer, after: time)
            }
        }
    }

    @Test(arguments: [request, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0"])
    func `who has just come is answered by a proxy that drains`(request: String) async throws {
        let fixture = try await Fixture(backends: [])
        let client = try PlainSocket(port: fixture.port)
        try await awaited("it is accepted") { await fixture.worker.counters.connections == 1 }
        await fixture.worker.drain()
        client.write(request)
        // Of HTTP/2: our settings, and that no more requests are to come.
        let answer = client.read()
        #expect(answer.contains(" 204 ") || answer.utf8.count > 30)
        try await awaited("it is gone") { await fixture.worker.openConnections == 0 }
        await fixture.end()
    }

    @Test func `beyond the limit of connections new ones wait, and the loop rests`() async throws {
        var limits = Fixture.limits
        limits.connections = 2
        let fixture = try await Fixture(backends: [], limits: limits)
        var clients: [PlainSocket] = []
        for _ in 0..<2 {
            let client = try PlainSocket(port: fixture.port)
            client.write(Self.request)
            #expect(client.read(until: "\r\n\r\n").contains(" 204 "))
            clients.append(client)
        }
        let third = try PlainSocket(port: fixture.port)
        third.write(Self.request)
        let turns = await Self.turns(of: fixture.loop, in: .milliseconds(300))
        #expect(turns < 100, "a loop that spins takes thousands")
        clients = []
        #expect(third.read(until: "\r\n\r\n").contains(" 204 "))
        await fixture.end()
    }
}
