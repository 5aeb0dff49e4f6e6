// SPDX-License-Identifier: Apache-2.0

extension EtcdStore {
    public func changed(_ scope: ChangeScope, since mark: ChangeMark?, within: Duration) async throws -> ChangeMark {
        let end = BootClock.now() + within
        let range = EtcdRange(scope, keys)
        while true {
            let (latest, revision) = try await latest(range)
            guard let mark, latest == mark, BootClock.now() < end else { return latest }
            let began = BootClock.now()
            let isWoken = try await gateway.watch(range, from: revision + 1, until: end)
            // A stream that ends at once, by compaction or with its member, must not be asked for in a circle.
            if !isWoken, BootClock.now() - began < Self.breath {
                try await BootClock.sleep(until: min(end, BootClock.now() + Self.breath))
            }
        }
    }

    private static let breath = Duration.milliseconds(200)

    /// How many keys there are and when the last changed: by a linearizable read, so that silence of a watch proves
    /// nothing and a store that went back in time is another mark.
    private func latest(_ range: EtcdRange) async throws -> (mark: ChangeMark, revision: Int64) {
        var newest = range.withoutValues
        newest.sortOrder = "DESCEND"
        newest.sortTarget = "MOD"
        newest.limit = "1"
        let answer = try await gateway.range(newest)
        let header = answer.header
        let text = "\(header?.clusterId ?? "") \(answer.count ?? "0") \(answer.first?.modified ?? 0)"
        return (ChangeMark(text: text), header?.number ?? 0)
    }

    public func waitForRelease(_ lock: LockName, within: Duration) async throws {
        let range = EtcdRange(keys.holder(lock))
        let answer = try await gateway.range(range)
        guard answer.first != nil else { return }
        let end = BootClock.now() + within
        let isWoken = try await gateway.watch(range, from: (answer.header?.number ?? 0) + 1, until: end)
        if !isWoken { try await BootClock.sleep(until: min(end, BootClock.now() + Self.breath)) }
    }
}
