// SPDX-License-Identifier: Apache-2.0

extension RedisStore {
    public func acquire(
        _ lock: LockName, as token: HolderToken, for lease: Duration, above floor: UInt64
    ) async throws -> Acquisition {
        let operation = "acquire \(lock)"
        // Lua's numbers are exact up to here.
        guard floor < 1 << 53 else {
            throw StoreError.refused(place: place, operation: operation, cause: "no epoch above \(floor) fits")
        }
        let reply = try await connection.script(
            operation, RedisScripts.acquire, keys: [keys.store, keys.holder(lock), keys.epoch(lock)],
            [Array(token.text.utf8), milliseconds(lease), Array(String(floor).utf8)])
        switch reply[0].text {
        case "empty": throw StoreError.empty(place: place)
        case "held":
            return .held(by: HolderToken(text: reply[1].text ?? ""), epoch: try record(reply[2])?.epoch ?? 0)
        case "won":
            guard let record = try record(reply[1]), let identity = try checked(reply[2]) else { fallthrough }
            histories[token] = try await history()
            return .won(Tenure(lock: lock, epoch: record.epoch, token: token, store: identity))
        default:
            throw StoreError.refused(
                place: place, operation: operation, cause: "'\(reply[1].text?.prefix(40) ?? "")' is no epoch record")
        }
    }

    public func renew(_ lock: LockName, as token: HolderToken, for lease: Duration) async throws -> Renewal {
        let reply = try await connection.script(
            "renew \(lock)", RedisScripts.renew, keys: [keys.holder(lock)],
            [Array(token.text.utf8), milliseconds(lease)])
        guard reply == .integer(1) else { return .lost }
        // A promoted replica may lack what its master had accepted: who led there begins anew, above it.
        guard let known = histories[token] else { return .renewed }
        return try await history() == known ? .renewed : .lost
    }

    /// What distinguishes a promoted replica from the master before it; nil where it does not matter.
    private func history() async throws -> String? {
        guard watchesPromotion else { return nil }
        let text = try await connection.command("read replication", "INFO", "replication").text ?? ""
        let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("master_replid:") }
        return line.map { String($0.dropFirst("master_replid:".count)) }
    }

    public func release(_ lock: LockName, as token: HolderToken) async throws {
        _ = try await connection.script(
            "release \(lock)", RedisScripts.release, keys: [keys.holder(lock), keys.prefix + "changes"],
            [Array(token.text.utf8), Array(lock.holderPath.utf8)])
        histories[token] = nil
    }

    public func status(of lock: LockName) async throws -> LockStatus {
        let reply = try await connection.command(
            "read lock \(lock)", "MGET", keys.store, keys.holder(lock), keys.epoch(lock))
        _ = try checked(reply[0])
        return LockStatus(
            holder: reply[1].text.map { HolderToken(text: $0) }, epoch: try record(reply[2])?.epoch ?? 0)
    }

    private func milliseconds(_ lease: Duration) -> [UInt8] {
        Array(String(Int64((lease / .milliseconds(1)).rounded(.down))).utf8)
    }
}
