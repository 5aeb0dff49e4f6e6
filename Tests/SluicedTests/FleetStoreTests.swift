// SPDX-License-Identifier: Apache-2.0

import Coordination
import Model
import Reconciler
import Testing

@testable import sluiced

@Suite(.timeLimit(.minutes(1))) struct `A fleet's store` {
    @Test func `gives one host what another has published, with every service`() async throws {
        let server = MemoryServer()
        let (one, other) = (try await Site.founded(server), try Site(server, host: "edge-2"))
        let first = try generation(1)
        try await one.lead { writer in _ = try await writer.publish(first, expecting: nil) }
        let state = try await other.generations.state()
        #expect(state.current?.generation == first && state.epoch == 1)
        #expect(state.identity?.fleet == "north")
    }

    @Test func `tells a host that waits of what is published`() async throws {
        let server = MemoryServer()
        let (one, other) = (try await Site.founded(server), try Site(server, host: "edge-2"))
        let before = try await other.generations.state()
        async let next = other.generations.state(after: before)
        let first = try generation(1)
        try await one.lead { writer in _ = try await writer.publish(first, expecting: nil) }
        #expect(try await next.current?.generation == first)
    }

    @Test func `that is empty is an error that says what to type`() async throws {
        let site = try Site(MemoryServer())
        let error = await #expect(throws: StoreError.self) { try await site.generations.state() }
        #expect("\(try #require(error))".contains("sluicectl store restore"))
    }

    @Test func `refuses what a deposed leader writes`() async throws {
        let server = MemoryServer()
        let (one, other) = (try await Site.founded(server), try Site(server, host: "edge-2"))
        let (first, second) = (try generation(1), try generation(2))
        try await one.lead { stale in
            let published = try await stale.publish(first, expecting: nil)
            await server.expire(.leader)
            try await other.lead { writer in #expect(writer.epoch == 2) }
            await #expect(throws: PublishRefusal.fenced(epoch: 1, held: 2)) {
                try await stale.publish(second, expecting: published.mark)
            }
            await #expect(throws: PublishRefusal.fenced(epoch: 1, held: 2)) {
                try await stale.write([1], to: .history, expecting: .anything)
            }
            await #expect(throws: PublishRefusal.fenced(epoch: 1, held: 2)) {
                try await stale.deleteBlobs([published.digest])
            }
        }
        #expect(try await other.generations.state().current?.generation == first)
    }

    @Test func `names what it holds to a leader that expected something else`() async throws {
        let site = try await Site.founded()
        let (first, second) = (try generation(1), try generation(2))
        try await site.lead { writer in
            let published = try await writer.publish(first, expecting: nil)
            await #expect(throws: PublishRefusal.conflict(expected: nil, found: published.mark)) {
                try await writer.publish(second, expecting: nil)
            }
        }
    }

    @Test func `writes a service's blob again after it was deleted`() async throws {
        let server = MemoryServer()
        let (one, other) = (try await Site.founded(server), try Site(server, host: "edge-2"))
        let first = try generation(1)
        try await one.lead { writer in
            let published = try await writer.publish(first, expecting: nil)
            try await writer.deleteBlobs(try await one.papers.blobs())
            var second = first
            second.number = 2
            _ = try await writer.publish(second, expecting: published.mark)
        }
        #expect(try await other.generations.state().current?.generation.services == first.services)
    }

    @Test func `keeps a generation for a canary without publishing it`() async throws {
        let server = MemoryServer()
        let (one, other) = (try await Site.founded(server), try Site(server, host: "edge-2"))
        let (first, second) = (try generation(1), try generation(2, weight: 5))
        try await one.lead { writer in
            _ = try await writer.publish(first, expecting: nil)
            let kept = try await writer.keep(second)
            #expect(try await other.generations.kept(kept.digest) == kept)
        }
        #expect(try await other.generations.state().current?.generation == first)
    }

    @Test func `that was wiped and founded again gets all blobs anew`() async throws {
        let server = MemoryServer()
        let (one, other) = (try await Site.founded(server), try Site(server, host: "edge-2"))
        let first = try generation(1)
        try await one.lead { writer in _ = try await writer.publish(first, expecting: nil) }
        await server.wipe()
        _ = try await one.store.found()
        _ = try await one.generations.state()
        try await one.lead { writer in _ = try await writer.publish(first, expecting: nil) }
        #expect(try await other.generations.state().current?.generation == first)
    }

    @Test func `hands on all documents of a kind, at once and when one changes`() async throws {
        let site = try await Site.founded()
        _ = try await site.papers.write([1], to: .host("a"), expecting: .nothing)
        let (seen, see) = AsyncStream.makeStream(of: [String].self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await site.papers.follow(.hosts) { see.yield($0.keys.map(\.description).sorted()) }
            }
            var counts = seen.makeAsyncIterator()
            #expect(await counts.next() == ["host/a"])
            _ = try await site.papers.write([2], to: .host("b"), expecting: .nothing)
            #expect(await counts.next() == ["host/a", "host/b"])
            group.cancelAll()
        }
    }
}
