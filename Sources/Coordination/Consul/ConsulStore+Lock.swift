// SPDX-License-Identifier: Apache-2.0

import ConsulAPI

extension ConsulStore {
    public func acquire(
        _ lock: LockName, as token: HolderToken, for lease: Duration, above floor: UInt64
    ) async throws -> Acquisition {
        let operation = "acquire \(lock)"
        let (holder, epoch) = (keys.holder(lock), keys.epoch(lock))
        let found = try await together(operation, [keys.store, holder, epoch])
        guard let store = found[keys.store], let identity = try checked(store) else {
            throw StoreError.empty(place: place)
        }
        let record = try record(found[epoch])
        if let held = found[holder]?.token {
            guard held == token, let record, record.token == token,
                try await renew(lock, as: token, for: lease) == .renewed
            else { return .held(by: held, epoch: record?.epoch ?? 0) }
            return .won(Tenure(lock: lock, epoch: record.epoch, token: token, store: identity))
        }
        let tenure = Tenure(lock: lock, epoch: max(record?.epoch ?? 0, floor) + 1, token: token, store: identity)
        let session = try await session(for: token, lease, operation)
        let outcome = try await translated(operation) {
            try await client.transaction([
                .checkIndex(key: keys.store, index: store.modifyIndex),
                .lock(key: holder, value: Array(token.text.utf8), session: session),
                .compareAndSet(
                    key: epoch, value: Array(tenure.record.description.utf8), index: found[epoch]?.modifyIndex ?? 0),
            ])
        }
        if case .committed = outcome { return .won(tenure) }
        try await end(token)
        let status = try await status(of: lock)
        guard let winner = status.holder else {
            throw StoreError.unreachable(place: place, operation: operation, cause: "it changed meanwhile")
        }
        return .held(by: winner, epoch: status.epoch)
    }

    /// The token's session, made if it has none; its time begins again.
    private func session(for token: HolderToken, _ lease: Duration, _ operation: String) async throws -> String {
        try await translated(operation) {
            if let id = sessions[token], try await client.renewSession(id) != nil { return id }
            // No delay after a lost lock: what its holder still writes is refused by the transaction. The key goes
            // with its session, so that a lock is held where it has a key.
            let id = try await client.createSession(
                SessionRequest(
                    name: "sluice \(token.host)", timeToLive: lease, lockDelay: .zero, behaviour: .delete))
            sessions[token] = id
            return id
        }
    }

    public func renew(_ lock: LockName, as token: HolderToken, for lease: Duration) async throws -> Renewal {
        let operation = "renew \(lock)"
        if let id = sessions[token] {
            guard try await translated(operation, { try await client.renewSession(id) }) != nil else { return .lost }
        }
        // A living session is not enough: somebody may have removed the key.
        guard let holder = try await one(operation, keys.holder(lock)), holder.token == token,
            let id = holder.session
        else { return .lost }
        if sessions[token] == id { return .renewed }
        sessions[token] = id
        return try await translated(operation) { try await client.renewSession(id) } == nil ? .lost : .renewed
    }

    public func release(_ lock: LockName, as token: HolderToken) async throws {
        let operation = "release \(lock)"
        if let holder = try await one(operation, keys.holder(lock)), holder.token == token {
            _ = try await translated(operation) {
                try await client.transaction([
                    .compareAndDelete(key: holder.key, index: holder.modifyIndex)
                ])
            }
        }
        try await end(token)
    }

    private func end(_ token: HolderToken) async throws {
        guard let id = sessions.removeValue(forKey: token) else { return }
        try await translated("end a session") { try await client.destroySession(id) }
    }

    public func status(of lock: LockName) async throws -> LockStatus {
        let found = try await together("read lock \(lock)", [keys.store, keys.holder(lock), keys.epoch(lock)])
        _ = try checked(found[keys.store])
        return LockStatus(
            holder: found[keys.holder(lock)]?.token, epoch: try record(found[keys.epoch(lock)])?.epoch ?? 0)
    }
}
