// SPDX-License-Identifier: Apache-2.0

import Coordination
import Glibc
import Logging
import Synchronization
import UnixSignals

/// A command, the lock that it needs, and what became of both.
final class LockedJob: Sendable {
    struct End: Sendable {
        var status: Int32 = 0
        var failure: Failure?
    }

    private let lock: LockName
    private let text: String
    private let command: [String]
    private let timing: LeaseTiming
    private let above: UInt64
    private let patience: Duration?

    private struct State {
        var guarded: GuardedProcess?
        /// While it waited for the lock.
        var endedBy: Int32?
        var isTooLate = false
        var waiting: Task<Int32, any Error>?
    }

    private let state = Mutex(State())

    init(lock: LockName, text: String, command: [String], timing: LeaseTiming, above: UInt64, patience: Duration?) {
        self.lock = lock
        self.text = text
        self.command = command
        self.timing = timing
        self.above = above
        self.patience = patience
    }

    func run(in store: any LockStore) async throws -> End {
        let task = Task { try await self.hold(in: store) }
        state.withLock { $0.waiting = task }
        return await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.passSignalsOn() }
            if let patience { group.addTask { await self.giveUp(after: patience) } }
            let end = await end(of: task, in: store)
            group.cancelAll()
            return end
        }
    }

    private func hold(in store: any LockStore) async throws -> Int32 {
        do {
            _ = try await store.status(of: lock)
        } catch let error as StoreError where !error.isTransient {
            // A password that is missing, a store that is another's: no waiting mends it.
            throw error
        } catch is StoreError {}
        let election = Election(
            store: store, lock: lock, host: hostName(), timing: timing,
            logger: Logger(label: text, factory: Told.init))
        let floor: @Sendable () async -> UInt64 = { [above] in above }
        return try await election.lead(above: floor) { leadership in try await self.work(leadership) }
    }

    /// Runs the command until it ends, or the lease does.
    private func work(_ leadership: Leadership) async throws -> Int32 {
        let fence = try leadership.fence().epoch
        let gate = leadership.gate
        let guarded = try GuardedProcess(
            command, environment: ["SLUICE_LOCK": text, "SLUICE_FENCE": "\(fence)", "SLUICE_EPOCH": "\(fence)"],
            closesAt: gate.closesAt, grace: (timing.lease - timing.renewWithin) * 2 / 3)
        state.withLock { $0.guarded = guarded }
        return await withTaskCancellationHandler {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await guarded.lengthen(with: gate, every: self.timing.retry / 4) }
                let status = await guarded.end()
                group.cancelAll()
                return status
            }
        } onCancel: {
            // Closed before its time: the lock may be another's already.
            if gate.closesAt > BootClock.now() { guarded.kill() }
        }
    }

    private func end(of task: Task<Int32, any Error>, in store: any LockStore) async -> End {
        do {
            return End(status: try await task.value)
        } catch let lost as LeadershipLost {
            let reason = "lock '\(text)' at \(store.place) was lost, and the command ended: \(lost.reason)"
            return End(failure: Failure(.notLeader, reason))
        } catch let failure as Failure {
            return End(failure: failure)
        } catch let error as StoreError {
            return End(failure: Failure(error))
        } catch {
            let state = state.withLock { ($0.endedBy, $0.isTooLate) }
            if let signal = state.0 { return End(status: 128 + signal) }
            guard state.1 else { return End(failure: Failure(.failed, "lock '\(text)': \(error)")) }
            return End(failure: await tooLate(store))
        }
    }

    private func tooLate(_ store: any LockStore) async -> Failure {
        let holder: String
        do {
            let status = try await store.status(of: lock)
            holder = status.holder.map { "held by \($0.host), fence \(status.epoch)" } ?? "free again by now"
        } catch {
            return (error as? StoreError).map { Failure($0) } ?? Failure(.failed, "\(error)")
        }
        return Failure(.notLeader, "lock '\(text)' at \(store.place) was not had in time: \(holder)")
    }

    private func giveUp(after patience: Duration) async {
        do { try await Task.sleep(for: max(patience, .milliseconds(500))) } catch { return }
        state.withLock { state in
            guard state.guarded == nil else { return }
            state.isTooLate = true
            state.waiting?.cancel()
        }
    }

    private func passSignalsOn() async {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup, .sigquit, .sigusr1, .sigusr2)
        for await signal in signals {
            state.withLock { state in
                if let guarded = state.guarded { return guarded.signal(signal.number) }
                state.endedBy = signal.number
                state.waiting?.cancel()
            }
        }
    }

    private func hostName() -> String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "host" }
        return name.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

extension UnixSignal {
    fileprivate var number: Int32 {
        switch self {
        case .sigint: SIGINT
        case .sighup: SIGHUP
        case .sigquit: SIGQUIT
        case .sigusr1: SIGUSR1
        case .sigusr2: SIGUSR2
        default: SIGTERM
        }
    }
}

/// What an election has to say of trouble, on descriptor 2; its own course is seen in the exit code.
private struct Told: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.warning

    private let lock: String

    init(label: String) { lock = label }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let cause = event.metadata?["error"].map { ": \($0)" } ?? ""
        Terminal.error("lock '\(lock)': \(event.message)\(cause)")
    }
}
