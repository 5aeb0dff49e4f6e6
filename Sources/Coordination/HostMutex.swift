// SPDX-License-Identifier: Apache-2.0

import Glibc

/// One process at a time on this host, by flock(2) on a file.
///
/// What it promises: the kernel lets one open file have it, and takes it back when the process ends, however it ends;
/// no clock and no lease is involved, so it cannot be lost while it is held. What it does not: it says nothing of other
/// hosts (on a network file system it may, or may not), it keeps out only who asks for it too, and it has no fence; a
/// child that inherits the descriptor would keep it, so it is closed at exec(2).
public struct HostMutex: Sendable {
    public let path: String

    /// - Parameter path: of a file that is made if it is missing and never removed; its directory must be there.
    public init(path: String) { self.path = path }

    /// Runs `body` with the lock, or answers nil at once where another has it.
    public func ifFree<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value? {
        let file = try open()
        defer { close(file) }
        guard try take(file) else { return nil }
        return try await body()
    }

    /// Waits for the lock, runs `body` with it, and gives it back. Throws `CancellationError` for a cancelled waiter.
    public func withLock<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
        let file = try open()
        defer { close(file) }
        // A blocking flock would take one of the few threads that all tasks share.
        while try !take(file) { try await Task.sleep(for: .milliseconds(.random(in: 10...30))) }
        return try await body()
    }

    private func open() throws -> Int32 {
        let file = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard file >= 0 else { throw failure() }
        return file
    }

    private func take(_ file: Int32) throws -> Bool {
        if flock(file, LOCK_EX | LOCK_NB) == 0 { return true }
        if errno == EWOULDBLOCK || errno == EINTR { return false }
        throw failure()
    }

    private func failure() -> StoreError {
        let cause = strerror(errno).map { String(cString: $0) } ?? "error \(errno)"
        return .refused(place: path, operation: "lock", cause: cause)
    }
}
