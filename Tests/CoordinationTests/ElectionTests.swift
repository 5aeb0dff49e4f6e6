// SPDX-License-Identifier: Apache-2.0

import Logging
import Synchronization
import TestSupport
import Testing

@testable import Coordination

@Suite struct ElectionTests {
    /// Stands still unless a test turns it: no lease ends because a machine is slow.
    private let clock = ManualUptime()
    private let server: MemoryServer

    init() { server = MemoryServer { [clock] in clock.now } }

    private func election(_ client: String, _ timing: LeaseTiming = .standard) async throws -> Election {
        let store = try MemoryStore(server, fleet: "f", client: client)
        _ = try await store.found()
        return Election(store: store, host: client, timing: timing, logger: quiet) { [clock] in clock.now }
    }

    @Test func `the lock is given back when the work is done`() async throws {
        let epoch = try await election("a").lead { try $0.fence().epoch }
        #expect(epoch == 1)
        #expect(await server.lock(.leader).holder == nil)
    }

    @Test func `the lease is renewed as long as the work goes on`() async throws {
        let election = try await election(
            "a", LeaseTiming(lease: .seconds(20), renewWithin: .seconds(15), retry: .milliseconds(50)))
        let clock = clock
        try await election.lead { leadership in
            for _ in 1...10 {
                let end = leadership.gate.closesAt
                clock.now += .seconds(14)
                try await awaited("a renewal") { leadership.gate.closesAt > end }
                _ = try leadership.fence()
            }
        }
        #expect(clock.now == .seconds(140), "seven leases long")
    }

    @Test func `a leader cut off from the store stops before another can lead`() async throws {
        let timing = try LeaseTiming(lease: .seconds(4), renewWithin: .seconds(1), retry: .milliseconds(200))
        let (a, b) = (try await election("a", timing), try await election("b", timing))
        let server = server
        let gate = Kept<Gate>()
        let first = Task {
            try await a.lead { leadership in
                gate.put(leadership.gate)
                await server.partition("a")
                try await Task.sleep(for: .seconds(600))
            }
        }
        try await awaited("a leader") { gate.value != nil }
        let hasLed = Kept<Bool>()
        let second = Task {
            try await b.lead { _ in
                hasLed.put(true)
                return gate.value?.isOpen
            }
        }
        // Past a's time to renew, and then past its lease.
        clock.now = .seconds(1)
        #expect(gate.value?.isOpen == false)
        #expect(hasLed.value == nil)
        clock.now = .seconds(4)
        await server.expired()
        #expect(try await second.value == false)
        await #expect(throws: LeadershipLost.self) { try await first.value }
    }

    @Test func `a lease that the store has ended ends the work`() async throws {
        let a = try await election("a")
        let (server, clock) = (server, clock)
        await #expect(throws: LeadershipLost.self) {
            try await a.lead { _ in
                await server.expire(.leader)
                // Time for a renewal, and none for the lease to end by itself.
                clock.now = .seconds(3)
                try await Task.sleep(for: .seconds(60))
            }
        }
    }

    @Test func `a leader that steps down closes its gate at once and gives back`() async throws {
        let a = try await election("a")
        await #expect(throws: LeadershipLost(reason: "a host reports epoch 9")) {
            try await a.lead { leadership in
                leadership.stepDown("a host reports epoch 9")
                _ = try leadership.fence()
            }
        }
        #expect(await server.lock(.leader).holder == nil)
    }

    @Test func `a clean stop lets the next lead at once`() async throws {
        let (a, b) = (try await election("a"), try await election("b"))
        let leads = AsyncStream.makeStream(of: Void.self)
        let first = Task {
            try await a.run(above: { 0 }) { _ in
                leads.continuation.yield()
                try await Task.sleep(for: .seconds(60))
            }
        }
        for await _ in leads.stream { break }
        async let second = b.lead { _ in true }
        first.cancel()
        // The clock stands still, so the lease of the first never ends by itself.
        #expect(try await second)
    }

    @Test func `each tenure begins above the floor`() async throws {
        let epochs = Mutex<[UInt64]>([])
        let a = try await election("a")
        let task = Task {
            try await a.run(above: { 6 }) { leadership in
                epochs.withLock { $0.append(leadership.epoch) }
            }
        }
        try await awaited("three tenures") { epochs.withLock { $0.count } >= 3 }
        task.cancel()
        _ = await task.result
        #expect(epochs.withLock { $0.prefix(3) } == [7, 8, 9])
    }

    @Test func `a lock for anyone gives a fence and is free afterwards`() async throws {
        let store = try MemoryStore(server, fleet: "f", client: "a")
        _ = try await store.found()
        let timing = try LeaseTiming(lease: .seconds(300))
        for expected in UInt64(1)...2 {
            let fence = try await withLock("backup", in: store, host: "a", timing: timing, logger: quiet) { $0 }
            #expect(fence == expected)
        }
    }

    @Test func `an acquisition whose answer was lost is won by asking again`() async throws {
        let a = try await election("a")
        await server.loseNextAnswer(to: "a")
        #expect(try await a.lead { $0.epoch } == 1)
    }
}

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
