// SPDX-License-Identifier: Apache-2.0

import Logging
import Synchronization
import Testing

@testable import Coordination

@Suite struct ElectionTests {
    private let server = MemoryServer()
    private let timing: LeaseTiming

    init() throws { timing = try LeaseTiming(lease: .milliseconds(900)) }

    private func election(_ client: String) async throws -> Election {
        let store = try MemoryStore(server, fleet: "f", client: client)
        _ = try await store.found()
        return Election(store: store, host: client, timing: timing, logger: quiet)
    }

    @Test func `the lock is given back when the work is done`() async throws {
        let epoch = try await election("a").lead { try $0.fence().epoch }
        #expect(epoch == 1)
        #expect(await server.lock(.leader).holder == nil)
    }

    @Test func `the lease is renewed as long as the work goes on`() async throws {
        let election = try await election("a")
        let server = server
        let held = try await election.lead { leadership in
            try await Task.sleep(for: .milliseconds(1500))
            _ = try leadership.fence()
            return await server.lock(.leader).holder?.host
        }
        #expect(held == "a")
    }

    @Test func `a leader cut off from the store stops before another can lead`() async throws {
        let (a, b) = (try await election("a"), try await election("b"))
        let server = server
        let ended = Mutex(Duration.zero)
        let first = Task {
            try await a.lead { leadership in
                await server.partition("a")
                while leadership.gate.isOpen { await Task.yield() }
                ended.withLock { $0 = BootClock.now() }
            }
        }
        while await server.lock(.leader).epoch == 0 { await Task.yield() }
        let began = try await b.lead { _ in BootClock.now() }
        await #expect(throws: LeadershipLost.self) { try await first.value }
        #expect(ended.withLock { $0 } < began)
    }

    @Test func `a lease that the store has ended ends the work`() async throws {
        let a = try await election("a")
        let server = server
        await #expect(throws: LeadershipLost.self) {
            try await a.lead { leadership in
                await server.expire(.leader)
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
        async let second = b.lead { _ in BootClock.now() }
        let stopped = BootClock.now()
        first.cancel()
        #expect(try await second - stopped < .milliseconds(500))
    }

    @Test func `each tenure begins above the floor`() async throws {
        let epochs = Mutex<[UInt64]>([])
        let a = try await election("a")
        let task = Task {
            try await a.run(above: { 6 }) { leadership in
                let count = epochs.withLock {
                    $0.append(leadership.epoch)
                    return $0.count
                }
                if count == 3 { withUnsafeCurrentTask { $0?.cancel() } }
            }
        }
        while epochs.withLock({ $0.count }) < 3 { await Task.yield() }
        task.cancel()
        _ = await task.result
        #expect(epochs.withLock { $0.prefix(3) } == [7, 8, 9])
    }

    @Test func `a lock for anyone gives a fence and is free afterwards`() async throws {
        let store = try MemoryStore(server, fleet: "f", client: "a")
        _ = try await store.found()
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
