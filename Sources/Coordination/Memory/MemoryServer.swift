// SPDX-License-Identifier: Apache-2.0

/// A store's server inside this process, for tests of what uses one: it can be paused, cut off, wiped, put back in time,
/// made to lose its answers or to grant its lock to everybody.
public actor MemoryServer {
    var records = Records()
    private let now: @Sendable () -> Duration
    private var isPaused = false
    private var unreachable: Set<String> = []
    private var losesAnswers: Set<String> = []
    private var waiters: [UInt64: AsyncStream<Void>.Continuation] = [:]
    private var nextWaiter: UInt64 = 0

    /// - Parameter now: the server's own clock, by which leases end.
    public init(now: @escaping @Sendable () -> Duration = BootClock.now) { self.now = now }

    /// Answers nobody until `resume`; every request meanwhile fails as after a time-out, and nothing is done.
    public func pause() { isPaused = true }

    public func resume() { isPaused = false }

    /// Cuts this client off, and lets it back in.
    public func partition(_ client: String) { unreachable.insert(client) }

    public func heal(_ client: String) { unreachable.remove(client) }

    /// Does this client's next request and loses the answer.
    public func loseNextAnswer(to client: String) { losesAnswers.insert(client) }

    /// Ends a lease before its time.
    public func expire(_ lock: LockName) {
        records.holders[lock] = nil
        wake()
    }

    /// Tells who waits that the server's clock has been turned.
    func expired() {
        records.expire(at: now())
        wake()
    }

    public func grantToEverybody() { records.grantsToEverybody = true }

    /// Everything is gone, as after the loss of a disk.
    public func wipe() {
        records = Records()
        wake()
    }

    public struct Backup: Sendable {
        let records: Records
    }

    public func backup() -> Backup { Backup(records: records) }

    /// Everything is as it was; revisions are given again.
    public func restore(_ backup: Backup) {
        records = backup.records
        wake()
    }

    /// Who was given a lock when, without asking for it.
    public func lock(_ lock: LockName) -> LockStatus {
        records.expire(at: now())
        return LockStatus(holder: records.holders[lock]?.token, epoch: records.epochs[lock]?.epoch ?? 0)
    }

    /// One request: fails, is done, or is done without an answer, as the faults have it.
    func request<Value: Sendable>(
        _ operation: String, by client: String, _ body: (inout Records, Duration) throws -> Value
    ) throws -> Value {
        let place = "memory for \(client)"
        guard !isPaused, !unreachable.contains(client) else {
            throw StoreError.unreachable(place: place, operation: operation, cause: "no answer")
        }
        let before = records
        let value = try body(&records, now())
        if records != before { wake() }
        guard losesAnswers.remove(client) == nil else {
            throw StoreError.unknown(place: place, operation: operation, cause: "no answer")
        }
        return value
    }

    /// Until something changes, no longer than told, and not at all for a client that is cut off.
    func change(within: Duration, unless isOver: (Records) -> Bool) async throws {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        nextWaiter += 1
        let id = nextWaiter
        waiters[id] = continuation
        defer { waiters[id] = nil }
        records.expire(at: now())
        if isOver(records) { return }
        let nextExpiry = records.holders.values.map { $0.until - now() }.min() ?? within
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in stream { return } }
            group.addTask {
                // Cancelled when the change came first.
                _ = await Result { try await Task.sleep(for: max(.zero, min(within, nextExpiry))) }
            }
            await group.next()
            group.cancelAll()
        }
        try Task.checkCancellation()
    }

    private func wake() {
        for waiter in waiters.values { waiter.yield() }
    }
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
