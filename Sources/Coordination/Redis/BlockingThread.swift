// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// A thread of its own for calls that block, one after the other; it ends when this object goes.
///
/// Blocking calls in a task would take one of the few threads that all tasks share.
final class BlockingThread: Sendable {
    private let jobs = Jobs()

    init() throws {
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Jobs>.fromOpaque(argument).takeRetainedValue().work() }
                return nil
            }, Unmanaged.passRetained(jobs).toOpaque())
        guard code == 0 else {
            throw StoreError.refused(place: "this host", operation: "start a thread", cause: "error \(code)")
        }
        pthread_detach(thread)
    }

    deinit { jobs.add(nil) }

    /// Runs `body` on the thread when those before it are done.
    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            jobs.add { continuation.resume(with: Result { try body() }) }
        }
    }

    private final class Jobs: Sendable {
        private let queue = Mutex<[(@Sendable () -> Void)?]>([])
        // A semaphore is shared between threads by its address, and made to be: sem_overview(7).
        private nonisolated(unsafe) let count: UnsafeMutablePointer<sem_t>

        init() {
            count = .allocate(capacity: 1)
            sem_init(count, 0, 0)
        }

        deinit {
            sem_destroy(count)
            count.deallocate()
        }

        /// Nil ends the thread.
        func add(_ job: (@Sendable () -> Void)?) {
            queue.withLock { $0.append(job) }
            sem_post(count)
        }

        func work() {
            while true {
                while sem_wait(count) != 0 && errno == EINTR {}
                guard let job = queue.withLock({ $0.removeFirst() }) else { return }
                job()
            }
        }
    }
}
