// SPDX-License-Identifier: Apache-2.0

import Logging

/// Runs `body` while this process holds the lock `name` in the store, and gives the lock back.
///
/// What it promises: the fence given to `body` is above that of every holder before it, and `body` is cancelled before
/// the store can give the lock to another, by this machine's clock.
/// What it does not: nothing stops a body that ignores its cancellation, or a request of its that is on its way. Two
/// holders can act at once then, and only a resource that refuses a lower fence than it has seen is safe. With Redis
/// behind Sentinel, or a store restored from a backup, even the lock can be held twice; the fence's order still holds as
/// long as `floor` is what the resource has seen.
///
/// Throws `LeadershipLost` where the lock was lost before `body` ended.
public func withLock<Value: Sendable>(
    _ name: String, in store: any LockStore, host: String, timing: LeaseTiming = .standard,
    above floor: UInt64 = 0, logger: Logger = Logger(label: "coordination"),
    _ body: @escaping @Sendable (_ fence: UInt64) async throws -> Value
) async throws -> Value {
    let election = Election(store: store, lock: try LockName(name), host: host, timing: timing, logger: logger)
    let lowest: @Sendable () async -> UInt64 = { floor }
    return try await election.lead(above: lowest) { leadership in try await body(leadership.fence().epoch) }
}
