// SPDX-License-Identifier: Apache-2.0

/// Locks over several independent masters, of which a quorum decides: Redlock, with a promise a master.
///
/// Each master's own epoch is its promise: it gives each number at most once, to one token. A tenure is won with number
/// N only where a quorum gave exactly N to the same token, and two quorums share a master, so no number has two holders.
/// 'Highest of the quorum plus one, stored back', without promises, gave two leaders of one epoch in 258 of 400
/// interleavings.
///
/// What it promises: no number is given twice, and later holders have higher ones, while fewer than half of the masters
/// are away, as long as no master forgets: `appendonly yes` and `appendfsync always`.
/// What it does not: one holder at a time where masters' clocks step or a holder is stopped past its lease. It locks, and
/// keeps no documents: what is written under its fence must compare the fence itself.
public struct RedlockLocks: LockStore {
    public let place: String
    private let masters: [any LockStore]
    /// One more than half of all, also of those that are away.
    private let quorum: Int

    /// - Parameter masters: an odd number of stores of one fleet that know nothing of each other, each founded.
    public init(_ masters: [any LockStore]) throws {
        guard masters.count >= 3, !masters.count.isMultiple(of: 2) else {
            throw StoreError.settings("Redlock needs 3, 5 or 7 masters, and was given \(masters.count)")
        }
        self.masters = masters
        quorum = masters.count / 2 + 1
        place = "redlock of " + masters.map(\.place).joined(separator: ", ")
    }

    public func acquire(
        _ lock: LockName, as token: HolderToken, for lease: Duration, above floor: UInt64
    ) async throws -> Acquisition {
        let seen = try await status(of: lock)
        if let holder = seen.holder, holder != token { return .held(by: holder, epoch: seen.epoch) }
        // Whatever this token was given before is not gone on with: its number may lack a quorum.
        await giveBack(lock, token)
        let wanted = max(seen.epoch, floor) + 1
        let answers = await each { try await $0.acquire(lock, as: token, for: lease, above: wanted - 1) }
        let given = answers.compactMap { answer -> Tenure? in
            if case .success(.won(let tenure)) = answer, tenure.epoch == wanted { tenure } else { nil }
        }
        if given.count >= quorum, let first = given.first {
            let store = StoreIdentity(fleet: first.store.fleet, id: "redlock-of-\(masters.count)")
            return .won(Tenure(lock: lock, epoch: wanted, token: token, store: store))
        }
        await giveBack(lock, token)
        try require(answers, "acquire \(lock)")
        let other = answers.lazy.compactMap { answer -> HolderToken? in
            if case .success(.held(let by, _)) = answer { by } else { nil }
        }.first
        guard let other else {
            throw StoreError.unreachable(place: place, operation: "acquire \(lock)", cause: "the votes were split")
        }
        return .held(by: other, epoch: wanted)
    }

    public func renew(_ lock: LockName, as token: HolderToken, for lease: Duration) async throws -> Renewal {
        let answers = await each { try await $0.renew(lock, as: token, for: lease) }
        if count(answers, { $0 == .renewed }) >= quorum { return .renewed }
        // So many have lost it that no quorum can hold it any more.
        if count(answers, { $0 == .lost }) > masters.count - quorum { return .lost }
        throw StoreError.unreachable(
            place: place, operation: "renew \(lock)", cause: "fewer than \(quorum) of \(masters.count) renewed it")
    }

    public func release(_ lock: LockName, as token: HolderToken) async throws {
        // From all, also from those that refused: an answer may have been lost.
        let answers = await each { try await $0.release(lock, as: token) }
        try require(answers, "release \(lock)")
    }

    /// Until a quorum may be free: as soon as any master's release is seen, since they are released together.
    public func waitForRelease(_ lock: LockName, within: Duration) async throws {
        await withTaskGroup(of: Bool.self) { group in
            for master in masters {
                group.addTask {
                    do {
                        guard try await master.status(of: lock).holder != nil else { return false }
                        try await master.waitForRelease(lock, within: within)
                        return true
                    } catch {
                        return false
                    }
                }
            }
            for await isFreed in group where isFreed { break }
            group.cancelAll()
        }
        try Task.checkCancellation()
        // Spread, so that the same candidates do not split the votes again.
        try await Task.sleep(for: .milliseconds(.random(in: 1...20)))
    }

    /// A holder has a quorum; the epoch is the highest that any master of a quorum promised.
    public func status(of lock: LockName) async throws -> LockStatus {
        let answers = await each { try await $0.status(of: lock) }
        try require(answers, "read lock \(lock)")
        let all = answers.compactMap { answer in if case .success(let status) = answer { status } else { nil } }
        var votes: [HolderToken: Int] = [:]
        for holder in all.compactMap(\.holder) { votes[holder, default: 0] += 1 }
        return LockStatus(
            holder: votes.first { $0.value >= quorum }?.key, epoch: all.map(\.epoch).max() ?? 0)
    }
}

extension RedlockLocks {
    /// Asks all masters at once; a slow one costs its own time-out.
    private func each<Value: Sendable>(
        _ body: @escaping @Sendable (any LockStore) async throws -> Value
    ) async -> [Result<Value, any Error>] {
        await withTaskGroup(of: Result<Value, any Error>.self) { group in
            for master in masters {
                group.addTask {
                    do { return .success(try await body(master)) } catch { return .failure(error) }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    private func count<Value>(_ answers: [Result<Value, any Error>], _ holds: (Value) -> Bool) -> Int {
        answers.count { answer in if case .success(let value) = answer { holds(value) } else { false } }
    }

    /// Throws one of the failures where fewer than a quorum answered.
    private func require<Value>(_ answers: [Result<Value, any Error>], _ operation: String) throws {
        guard count(answers, { _ in true }) < quorum else { return }
        let causes = answers.compactMap { answer in if case .failure(let error) = answer { "\(error)" } else { nil } }
        throw StoreError.unreachable(
            place: place, operation: operation,
            cause: "fewer than \(quorum) of \(masters.count) answered: \(causes.first ?? "")")
    }

    private func giveBack(_ lock: LockName, _ token: HolderToken) async {
        // Where it fails the lease ends it.
        _ = await each { try await $0.release(lock, as: token) }
    }
}
