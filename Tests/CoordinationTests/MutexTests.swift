// SPDX-License-Identifier: Apache-2.0

import Synchronization
import TestSupport
import Testing

@testable import Coordination

@Suite struct MutexTests {
    /// How many are inside, and how many were at most.
    private final class Inside: Sendable {
        private let counts = Mutex((now: 0, most: 0))

        var most: Int { counts.withLock { $0.most } }

        func visit() async {
            counts.withLock {
                $0.now += 1
                $0.most = max($0.most, $0.now)
            }
            await Task.yield()
            counts.withLock { $0.now -= 1 }
        }
    }

    @Test func `tasks of one process enter one at a time`() async throws {
        let (mutex, inside) = (ProcessMutex(), Inside())
        try await withThrowingTaskGroup { group in
            for _ in 0..<200 { group.addTask { try await mutex.withLock { await inside.visit() } } }
            try await group.waitForAll()
        }
        #expect(inside.most == 1)
    }

    @Test func `a cancelled waiter leaves the queue`() async throws {
        let mutex = ProcessMutex()
        let waiter = try await mutex.withLock {
            let waiter = Task { try await mutex.withLock {} }
            waiter.cancel()
            await #expect(throws: CancellationError.self) { try await waiter.value }
            return waiter
        }
        _ = await waiter.result
        try await mutex.withLock {}
    }

    @Test func `users of one file enter one at a time`() async throws {
        let directory = try TemporaryDirectory()
        let inside = Inside()
        try await withThrowingTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    try await HostMutex(path: directory.path + "/lock").withLock { await inside.visit() }
                }
            }
            try await group.waitForAll()
        }
        #expect(inside.most == 1)
    }

    @Test func `who does not wait is told that another has it`() async throws {
        let directory = try TemporaryDirectory()
        let mutex = HostMutex(path: directory.path + "/lock")
        let other = try await mutex.withLock { try await mutex.ifFree { true } }
        #expect(other == nil)
        #expect(try await mutex.ifFree { true } == true)
    }
}
