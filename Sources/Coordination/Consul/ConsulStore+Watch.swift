// SPDX-License-Identifier: Apache-2.0

import ConsulAPI

extension ConsulStore {
    public func changed(_ scope: ChangeScope, since mark: ChangeMark?, within: Duration) async throws -> ChangeMark {
        let end = BootClock.now() + within
        var (latest, index) = try await latest(scope, blocking: nil)
        while let mark, latest == mark {
            let left = end - BootClock.now()
            guard left > .zero else { break }
            let began = BootClock.now()
            (latest, index) = try await self.latest(scope, blocking: ConsulBlocking(index: index, wait: left))
            // Every change near a missing key wakes who waits for it.
            if latest == mark, BootClock.now() - began < Self.breath {
                try await BootClock.sleep(until: min(end, BootClock.now() + Self.breath))
            }
        }
        return latest
    }

    private static let breath = Duration.milliseconds(200)

    /// Keys, indices and values: indices alone are given again after a restore.
    private func latest(_ scope: ChangeScope, blocking: ConsulBlocking?) async throws -> (ChangeMark, UInt64) {
        let key = keys.scope(scope)
        let (values, index) = try await translated("watch \(scope.path)") {
            switch scope {
            case .document:
                let answer = try await client.keyValue(key, consistency: .consistent, blocking: blocking)
                return (answer.value.map { [$0] } ?? [], answer.response.index ?? 1)
            case .family:
                let answer = try await client.keyValues(prefix: key, consistency: .consistent, blocking: blocking)
                return (answer.value, answer.response.index ?? 1)
            }
        }
        let lines = values.map { "\($0.key) \($0.modifyIndex) \(Document($0.value).digest)\n" }
        return (ChangeMark(text: Document(Array(lines.joined().utf8)).digest), index)
    }

    public func waitForRelease(_ lock: LockName, within: Duration) async throws {
        let key = keys.holder(lock)
        let end = BootClock.now() + within
        var index: UInt64?
        while true {
            let blocking = index.map { ConsulBlocking(index: $0, wait: max(.milliseconds(10), end - BootClock.now())) }
            let answer = try await translated("watch lock \(lock)") {
                try await client.keyValue(key, consistency: .consistent, blocking: blocking)
            }
            guard answer.value?.token != nil, BootClock.now() < end else { return }
            index = answer.response.index ?? 1
        }
    }
}
