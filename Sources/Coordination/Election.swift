// SPDX-License-Identifier: Apache-2.0

import Logging

/// Stands for a lock, holds it as long as the store and the clock allow, and gives it back.
///
/// What it promises: each tenure has an epoch above all before it in this store; the fence is given out only while, by
/// this machine's clock since boot, the lease cannot have ended; work is cancelled then, and one tenure's work has ended
/// before the next begins. A clean stop gives the lock back at once.
/// What it does not: that no two hosts believe to lead at one moment (clocks may run apart, a process may be stopped
/// between asking for the fence and its write, work may ignore its cancellation). What is written under the fence must
/// be compared where it is written, as the store's own `write(_:to:expecting:as:)` does.
public struct Election: Sendable {
    public let store: any LockStore
    public let lock: LockName
    public let host: String
    public let timing: LeaseTiming
    private let logger: Logger
    private let now: @Sendable () -> Duration

    /// - Parameter host: for people; the token that the store sees has random bits beside it.
    public init(
        store: any LockStore, lock: LockName = .leader, host: String, timing: LeaseTiming = .standard, logger: Logger,
        now: @escaping @Sendable () -> Duration = BootClock.now
    ) {
        self.store = store
        self.lock = lock
        self.host = host
        self.timing = timing
        self.logger = logger
        self.now = now
    }

    /// Leads whenever it can, until the task is cancelled; each tenure runs `body` once.
    ///
    /// - Parameter floor: asked at each try; the highest epoch that this host has seen anywhere, which heals a store
    ///   that was put back in time.
    /// - Parameter body: is cancelled when the tenure ends; it must return then, for the next begins only after it.
    public func run(
        above floor: @Sendable () async -> UInt64, _ body: @escaping @Sendable (Leadership) async throws -> Void
    ) async throws {
        while !Task.isCancelled {
            do {
                try await lead(above: floor, body)
            } catch let error as LeadershipLost {
                logger.warning("leads no more", metadata: ["lock": "\(lock)", "reason": "\(error.reason)"])
            } catch  where !(error is CancellationError) {
                logger.error("the leader's work ended", metadata: ["lock": "\(lock)", "error": "\(error)"])
                try await Task.sleep(for: timing.retry)
            }
        }
        try Task.checkCancellation()
    }

    /// Waits until it leads, runs `body` in that one tenure, and gives the lock back.
    ///
    /// Throws `LeadershipLost` where the tenure ended before the body did, else what the body throws.
    public func lead<Value: Sendable>(
        above floor: @Sendable () async -> UInt64 = { 0 },
        _ body: @escaping @Sendable (Leadership) async throws -> Value
    ) async throws -> Value {
        let token = HolderToken(host: host)
        let won: Won
        do {
            won = try await stand(as: token, above: floor)
        } catch {
            // Its last request may have been granted with no one left to hear of it.
            await giveBack(token)
            throw error
        }
        logger.info("leads", metadata: ["lock": "\(lock)", "epoch": "\(won.tenure.epoch)", "at": "\(store.place)"])
        let keeping = Keeping(
            store: store, tenure: won.tenure, lease: Lease(timing, sent: won.sent), now: now)
        let result = await keeping.run(body)
        if keeping.mayStillHold { await giveBack(token) }
        return try result.get()
    }

    private struct Won {
        let tenure: Tenure
        let sent: Duration
    }

    private func stand(as token: HolderToken, above floor: @Sendable () async -> UInt64) async throws -> Won {
        var told: String?
        while true {
            do {
                let lowest = await floor()
                let sent = now()
                switch try await store.acquire(lock, as: token, for: timing.lease, above: lowest) {
                case .won(let tenure): return Won(tenure: tenure, sent: sent)
                case .held: try await store.waitForRelease(lock, within: timing.lease)
                }
                told = nil
            } catch let error as StoreError {
                // A line a change of state, however often it is tried.
                if told != "\(error)" {
                    let what: Logger.Message =
                        lock == .leader ? "cannot stand for election" : "it is not had yet, and tried again"
                    logger.warning(what, metadata: ["error": "\(error)"])
                }
                told = "\(error)"
                try await Task.sleep(for: pause)
            }
            try Task.checkCancellation()
        }
    }

    /// Spread, so that a fleet that lost its store together does not come back as one.
    private var pause: Duration { timing.retry * Double.random(in: 0.5...1.5) }

    /// Also when the task is cancelled: that is the clean stop, after which another leads at once.
    private func giveBack(_ token: HolderToken) async {
        let (store, lock, logger) = (store, lock, logger)
        // A task of its own, since a cancelled one's requests fail; it is waited for, as long as a store may take.
        await Task {
            do {
                try await store.release(lock, as: token)
            } catch {
                logger.notice(
                    "the lock was not given back; it ends with its lease",
                    metadata: ["lock": "\(lock)", "error": "\(error)"])
            }
        }.value
    }
}
