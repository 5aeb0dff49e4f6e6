// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Model
import TestSupport
import Testing

@testable import Relay

/// A service's limit holds for all workers together.
struct SharedLimitTests {
    private static func with(
        limit: Int, _ body: (Fixture, Fixture, PlainListener, SharedCounts) async throws -> Void
    ) async throws {
        let listener = try PlainListener()
        let counts = try SharedActivity.make()
        let policy = RelayPolicy(connections: limit)
        let one = try await Fixture(ports: [listener.port], policy: policy)
        let other = try await Fixture(ports: [listener.port], policy: policy)
        await one.worker.share(counts, as: 0)
        await other.worker.share(counts, as: 1)
        let result: Result<Void, any Error>
        do { result = .success(try await body(one, other, listener, counts)) } catch { result = .failure(error) }
        await one.end()
        await other.end()
        try result.get()
    }

    /// Opens a connection that its backend has taken.
    private static func hold(_ fixture: Fixture, _ listener: PlainListener) throws -> [PlainSocket] {
        [try PlainSocket(connectedTo: fixture.address), try #require(listener.accept())]
    }

    @Test func `all of a service's connections may come to one worker`() async throws {
        try await Self.with(limit: 3) { one, _, listener, counts in
            let held = try (0..<3).flatMap { _ in try Self.hold(one, listener) }
            #expect(try PlainSocket(connectedTo: one.address).read() == nil)
            #expect(await one.ended(.serviceLimit) == 1)
            #expect(counts.sum(Int(Fixture.serviceID.rawValue)) == 3 && held.count == 6)
        }
    }

    @Test func `what one worker has the other does not take too`() async throws {
        try await Self.with(limit: 2) { one, other, listener, _ in
            let held = try Self.hold(one, listener) + Self.hold(other, listener)
            #expect(try PlainSocket(connectedTo: other.address).read() == nil)
            #expect(await other.ended(.serviceLimit) == 1 && held.count == 4)
        }
    }

    @Test func `what a connection took it gives back when it ends`() async throws {
        try await Self.with(limit: 1) { one, other, listener, counts in
            do {
                let held = try Self.hold(one, listener)
                #expect(try PlainSocket(connectedTo: other.address).read() == nil)
                held[0].resetOnClose()
            }
            try await awaited("its end") { counts.sum(Int(Fixture.serviceID.rawValue)) == 0 }
            _ = try Self.hold(other, listener)
        }
    }

    @Test func `what was under way before counts as well`() async throws {
        try await Self.with(limit: 1) { one, other, listener, _ in
            let held = try Self.hold(one, listener)
            let fresh = try SharedActivity.make()
            await one.worker.share(fresh, as: 5)
            await other.worker.share(fresh, as: 6)
            #expect(try PlainSocket(connectedTo: other.address).read() == nil && held.count == 2)
        }
    }
}
