// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// One task at a time in this process, in the order in which they came.
///
/// What it promises: bodies do not overlap, also across their suspensions, which an actor alone does not promise; who
/// comes first goes first; a cancelled waiter leaves the queue. What it does not: it knows nothing of other processes,
/// it is not re-entrant (a body that asks again waits for itself), and it never times out.
public final class ProcessMutex: Sendable {
    private struct State {
        var isHeld = false
        var next: UInt64 = 0
        var queue: [(ticket: UInt64, continuation: CheckedContinuation<Bool, Never>)] = []
        /// Cancelled before they were queued.
        var gone: Set<UInt64> = []
    }

    private let state = Mutex(State())

    public init() {}

    /// Throws `CancellationError` for a waiter that is cancelled, else what the body throws.
    public func withLock<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
        guard await enter() else { throw CancellationError() }
        defer { leave() }
        return try await body()
    }

    private func enter() async -> Bool {
        let ticket = state.withLock { state in
            state.next += 1
            return state.next
        }
        let isIn = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in queue(continuation, ticket) }
        } onCancel: {
            cancel(ticket)
        }
        // A cancellation that came when it was already served.
        state.withLock { _ = $0.gone.remove(ticket) }
        return isIn
    }

    private func queue(_ continuation: CheckedContinuation<Bool, Never>, _ ticket: UInt64) {
        let outcome: Bool? = state.withLock { state in
            if state.gone.remove(ticket) != nil { return false }
            guard state.isHeld else {
                state.isHeld = true
                return true
            }
            state.queue.append((ticket, continuation))
            return nil
        }
        if let outcome { continuation.resume(returning: outcome) }
    }

    private func cancel(_ ticket: UInt64) {
        let waiter = state.withLock { state in
            guard let index = state.queue.firstIndex(where: { $0.ticket == ticket }) else {
                state.gone.insert(ticket)
                return nil as CheckedContinuation<Bool, Never>?
            }
            return state.queue.remove(at: index).continuation
        }
        waiter?.resume(returning: false)
    }

    private func leave() {
        let heir = state.withLock { state in
            guard !state.queue.isEmpty else {
                state.isHeld = false
                return nil as CheckedContinuation<Bool, Never>?
            }
            return state.queue.removeFirst().continuation
        }
        heir?.resume(returning: true)
    }
}
