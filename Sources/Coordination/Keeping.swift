// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// One tenure while it lasts: renews the lease, runs the holder's work, and ends the work when the lease ends.
final class Keeping: Sendable {
    private let store: any LockStore
    private let tenure: Tenure
    private let now: @Sendable () -> Duration
    private let gate: Gate
    private let first: Lease
    private let release = Mutex(true)

    init(store: any LockStore, tenure: Tenure, lease: Lease, now: @escaping @Sendable () -> Duration) {
        self.store = store
        self.tenure = tenure
        self.now = now
        first = lease
        gate = Gate(closesAt: lease.closesAt, now: now)
    }

    /// Whether there is something to give back.
    var mayStillHold: Bool { release.withLock { $0 } }

    private enum End<Value: Sendable>: Sendable {
        case work(Result<Value, any Error>)
        case lease
    }

    /// The work's result; `LeadershipLost` where the lease ended first.
    func run<Value: Sendable>(
        _ body: @escaping @Sendable (Leadership) async throws -> Value
    ) async -> Result<Value, any Error> {
        await withTaskGroup(of: End<Value>.self) { group in
            let leadership = Leadership(tenure: tenure, gate: gate)
            group.addTask {
                do { return .work(.success(try await body(leadership))) } catch { return .work(.failure(error)) }
            }
            group.addTask { await self.keep() }
            // Beside the renewals: a renewal that hangs must not keep the work from being ended.
            group.addTask { await self.watch() }
            var result: Result<Value, any Error>?
            var isLost = false
            for await end in group {
                switch end {
                case .work(let outcome):
                    result = outcome
                    isLost = isLost || !gate.isOpen && !Task.isCancelled
                case .lease: isLost = isLost || result == nil && !Task.isCancelled
                }
                gate.close(result == nil ? "the lease ended" : "the work is done")
                group.cancelAll()
            }
            // Work that ended well in time stands, whatever the lease did afterwards.
            if !isLost, let result { return result }
            return .failure(LeadershipLost(reason: gate.reason))
        }
    }

    /// Renews until the machine says that it is over.
    private func keep<Value>() async -> End<Value> {
        var lease = first
        var event = Lease.Event.tick
        while gate.isOpen {
            let action = lease.handle(event, at: now())
            gate.extend(to: lease.closesAt)
            switch action {
            case .renew(let until): event = await renew(until: until)
            case .wait(let until): event = await wait(until: until)
            case .stepDown(let reason, let release):
                self.release.withLock { $0 = release }
                gate.close(reason)
            }
        }
        return .lease
    }

    private func wait(until instant: Duration) async -> Lease.Event {
        do {
            try await BootClock.sleep(until: instant, now: now)
            return .tick
        } catch {
            return .resigned("stopped")
        }
    }

    private func renew(until instant: Duration) async -> Lease.Event {
        let sent = now()
        do {
            let (store, tenure, lease) = (store, tenure, first.timing.lease)
            let renewal = try await deadline(instant, now: now, of: "renew", at: store.place) {
                try await store.renew(tenure.lock, as: tenure.token, for: lease)
            }
            return renewal == .renewed ? .renewed(sent: sent) : .lost
        } catch is CancellationError {
            return .resigned("stopped")
        } catch {
            return .renewFailed("\(error)")
        }
    }

    /// Returns when the gate has closed, by time or by the holder's own hand.
    private func watch<Value>() async -> End<Value> {
        while gate.isOpen, !Task.isCancelled {
            let soon = now() + Self.attention
            _ = await wait(until: min(gate.closesAt, soon))
        }
        return .lease
    }

    /// How soon a holder's own stepping down is noticed here; its writes stop at once.
    private static let attention = Duration.milliseconds(100)
}

/// Runs an operation that heeds cancellation until it ends or its time has come.
func deadline<Value: Sendable>(
    _ instant: Duration, now: @escaping @Sendable () -> Duration = BootClock.now, of operation: String,
    at place: String, _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        defer { group.cancelAll() }
        group.addTask { try await body() }
        group.addTask {
            try await BootClock.sleep(until: instant, now: now)
            return nil
        }
        if let value = try await group.next(), let value { return value }
        throw StoreError.unreachable(place: place, operation: operation, cause: "no answer in time")
    }
}
