// SPDX-License-Identifier: Apache-2.0

extension RedisStore {
    /// Version, memory, and what would let it forget or refuse.
    public func health() async throws -> StoreHealth {
        let text = try await connection.command("read health", "INFO").text ?? ""
        var facts: [Substring: Substring] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { facts[parts[0]] = parts[1] }
        }
        var problems = Self.memoryProblems(facts) + Self.persistenceProblems(facts)
        if facts["aof_enabled"] == "1", let sync = try await setting("appendfsync"), sync != "always" {
            problems.append("appendfsync \(sync): a crash loses what was written last: set appendfsync always")
        }
        if facts["role"] == "slave" { problems.append("it is a replica") }
        if facts["cluster_enabled"] == "1" {
            problems.append(
                "it is a node of a Redis Cluster, whose failover may lose a lock: use Redis alone, or Sentinel")
        }
        return StoreHealth(
            version: facts["redis_version"].map { String($0) }, bytes: facts["used_memory"].flatMap { UInt64($0) },
            problems: problems)
    }

    private static func memoryProblems(_ facts: [Substring: Substring]) -> [String] {
        var problems: [String] = []
        if let policy = facts["maxmemory_policy"], policy != "noeviction" {
            problems.append(
                "maxmemory-policy \(policy) may throw the lock away: redis-cli CONFIG SET maxmemory-policy noeviction")
        }
        let limit = facts["maxmemory"].flatMap { UInt64($0) } ?? 0
        if let used = facts["used_memory"].flatMap({ UInt64($0) }), limit > 0, used / 9 >= limit / 10 {
            problems.append("\(used) of \(limit) bytes of its maxmemory are used; full, it refuses every write")
        }
        return problems
    }

    private static func persistenceProblems(_ facts: [Substring: Substring]) -> [String] {
        guard facts["aof_enabled"] == "1" else {
            return ["a restart loses what was written: set appendonly yes and appendfsync always"]
        }
        let isWritten = facts["aof_last_write_status"].map { $0 == "ok" } ?? true
        return isWritten ? [] : ["its append-only file could not be written (a full disk?): see its log"]
    }

    /// Nil where these credentials may not ask.
    private func setting(_ name: String) async throws -> String? {
        do {
            return try await connection.command("read settings", "CONFIG", "GET", name)[1].text
        } catch StoreError.denied {
            return nil
        } catch StoreError.refused {
            // Servers that somebody else runs often have no CONFIG.
            return nil
        }
    }
}
