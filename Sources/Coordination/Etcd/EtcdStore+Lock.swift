// SPDX-License-Identifier: Apache-2.0

extension EtcdStore {
    public func acquire(
        _ lock: LockName, as token: HolderToken, for lease: Duration, above floor: UInt64
    ) async throws -> Acquisition {
        let seen = try await gateway.transaction(reading: lockRanges(lock))
        guard let identity = try checked(seen.range(0)) else { throw StoreError.empty(place: place) }
        let record = try epochRecord(seen.range(1))
        if let held = try await held(seen, record, lock, token, identity, lease) { return held }
        let tenure = Tenure(lock: lock, epoch: max(record?.epoch ?? 0, floor) + 1, token: token, store: identity)
        let id = try await leaseID(for: token, lease)
        let answer = try await gateway.transaction(
            EtcdTransaction(
                compare: [
                    .absent(keys.holder(lock)), .modified(keys.epoch(lock), at: seen.range(1)?.modified ?? 0),
                    .value(keys.store, is: identity.description),
                ],
                success: [
                    .put(keys.holder(lock), Array(token.text.utf8), lease: id),
                    .put(keys.epoch(lock), Array(tenure.record.description.utf8)),
                ], failure: lockRanges(lock).map { .range($0) }))
        if answer.isDone { return .won(tenure) }
        let other = try epochRecord(answer.range(1))
        guard let holder = answer.range(2) else {
            throw StoreError.unreachable(place: place, operation: "acquire \(lock)", cause: "it changed meanwhile")
        }
        try await revoke(token)
        return .held(by: HolderToken(text: holder.text), epoch: other?.epoch ?? 0)
    }

    private func lockRanges(_ lock: LockName) -> [EtcdRange] {
        [keys.store, keys.epoch(lock), keys.holder(lock)].map { EtcdRange($0) }
    }

    /// The answer where somebody has the lock, perhaps this very token, whose answer was lost; nil where it is free.
    private func held(
        _ seen: EtcdTransactionAnswer, _ record: EpochRecord?, _ lock: LockName, _ token: HolderToken,
        _ identity: StoreIdentity, _ lease: Duration
    ) async throws -> Acquisition? {
        guard let holder = seen.range(2) else { return nil }
        guard holder.text == token.text, let record, record.token == token,
            try await renew(lock, as: token, for: lease) == .renewed
        else { return .held(by: HolderToken(text: holder.text), epoch: record?.epoch ?? 0) }
        return .won(Tenure(lock: lock, epoch: record.epoch, token: token, store: identity))
    }

    /// The token's lease, granted if it has none; its time begins again.
    private func leaseID(for token: HolderToken, _ lease: Duration) async throws -> String {
        if let id = leases[token], try await isAlive(id) { return id }
        let seconds = max(1, Int64((lease / .milliseconds(1) / 1000).rounded(.up)))
        let answer: EtcdLeaseAnswer = try await gateway.read(
            "lease/grant", EtcdLeaseRequest(seconds: String(seconds)))
        guard let id = answer.id else {
            throw StoreError.refused(place: place, operation: "grant a lease", cause: "the answer has no lease")
        }
        leases[token] = id
        return id
    }

    /// Keeps a lease alive; a dead one is answered like a living one, but without its time.
    private func isAlive(_ id: String) async throws -> Bool {
        let answer: EtcdStreamed<EtcdLeaseAnswer> = try await gateway.read(
            "lease/keepalive", EtcdLeaseRequest(id: id))
        return (answer.result?.seconds.flatMap { Int64($0) } ?? 0) > 0
    }

    public func renew(_ lock: LockName, as token: HolderToken, for lease: Duration) async throws -> Renewal {
        if let id = leases[token], try await !isAlive(id) { return .lost }
        // A living lease is not enough: somebody may have removed the key.
        guard let holder = try await gateway.range(EtcdRange(keys.holder(lock))).first, holder.text == token.text,
            let id = holder.lease
        else { return .lost }
        if leases[token] == id { return .renewed }
        leases[token] = id
        return try await isAlive(id) ? .renewed : .lost
    }

    public func release(_ lock: LockName, as token: HolderToken) async throws {
        let key = keys.holder(lock)
        _ = try await gateway.transaction(
            EtcdTransaction(compare: [.value(key, is: token.text)], success: [.delete(key)]))
        try await revoke(token)
    }

    private func revoke(_ token: HolderToken) async throws {
        guard let id = leases.removeValue(forKey: token) else { return }
        struct Answer: Decodable, Sendable {}
        do {
            let _: Answer = try await gateway.read("lease/revoke", EtcdLeaseRequest(id: id))
        } catch StoreError.refused {
            // It is gone already.
        }
    }

    public func status(of lock: LockName) async throws -> LockStatus {
        let answer = try await gateway.transaction(reading: lockRanges(lock))
        _ = try checked(answer.range(0))
        return LockStatus(
            holder: answer.range(2).map { HolderToken(text: $0.text) },
            epoch: try epochRecord(answer.range(1))?.epoch ?? 0)
    }
}
