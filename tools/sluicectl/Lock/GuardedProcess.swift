// SPDX-License-Identifier: Apache-2.0

import CLinux
import Coordination
import Foundation
import Glibc
import Synchronization

/// A command under a guard: a process of its own (`lock guard`) that ends the command's whole process group when the
/// lease ends, though this process be stopped or killed.
///
/// Messages to the guard have nine bytes: a letter, and a number of eight bytes.
final class GuardedProcess: Sendable {
    enum Message: UInt8 {
        /// The lease holds until then: nanoseconds since boot.
        case closesAt = 0x45
        case signal = 0x53
        /// End the command at once.
        case kill = 0x4b
    }

    private let guardian: pid_t
    /// Our end of a socket pair: the guard sees it closed when this process is gone.
    private let control: Int32
    private let terminal: pid_t?
    private let hasEnded = Mutex(false)

    init(
        _ command: [String], environment more: [String: String], closesAt: Duration, grace: Duration
    ) throws {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw Failure(.failed, "make a pair of sockets: \(Self.words(errno))")
        }
        control = ends[0]
        let isInFront = isatty(STDIN_FILENO) == 1 && tcgetpgrp(STDIN_FILENO) == getpgrp()
        terminal = isInFront ? getpgrp() : nil
        let arguments =
            ["sluicectl", "lock", "guard", "--closes-at", "\(closesAt.nanoseconds)"]
            + ["--grace", "\(grace.nanoseconds)"] + (isInFront ? ["--terminal"] : []) + ["--"] + command
        defer { close(ends[1]) }
        do {
            guardian = try Self.spawn(arguments, control: ends[1], environment: more)
        } catch {
            close(ends[0])
            throw error
        }
    }

    deinit { close(control) }

    func signal(_ number: Int32) { send(.signal, Int64(number)) }
    func kill() { send(.kill, 0) }

    /// Tells the guard of each renewal until cancelled.
    func lengthen(with gate: Gate, every interval: Duration) async {
        var told = Duration.zero
        while !Task.isCancelled {
            let closesAt = gate.closesAt
            if closesAt != told, gate.isOpen {
                send(.closesAt, closesAt.nanoseconds)
                told = closesAt
            }
            do { try await Task.sleep(for: interval) } catch { return }
        }
    }

    /// Waits on a thread of its own; answers the command's exit status, or 128 and the signal.
    func end() async -> Int32 {
        let status = await withCheckedContinuation { continuation in
            Thread.detachNewThread { [guardian] in
                var status: Int32 = 0
                while waitpid(guardian, &status, 0) < 0 && errno == EINTR {}
                continuation.resume(returning: status)
            }
        }
        hasEnded.withLock { $0 = true }
        if let terminal {
            Glibc.signal(SIGTTOU, SIG_IGN)
            tcsetpgrp(STDIN_FILENO, terminal)
        }
        guard status & 0x7f == 0 else {
            killGroup()
            return 128 + status & 0x7f
        }
        return status >> 8 & 0xff
    }

    /// The guard was killed: what it told of its command's group is ended from here.
    private func killGroup() {
        var group: Int64 = 0
        let flags = Int32(MSG_DONTWAIT)
        let count = withUnsafeMutableBytes(of: &group) { recv(control, $0.baseAddress, $0.count, flags) }
        if count == MemoryLayout<Int64>.size, group > 1 { Glibc.kill(-pid_t(group), SIGKILL) }
    }

    private func send(_ message: Message, _ number: Int64) {
        hasEnded.withLock { hasEnded in
            guard !hasEnded else { return }
            var bytes = [message.rawValue]
            withUnsafeBytes(of: number) { bytes.append(contentsOf: $0) }
            // Never waits: a guard that reads nothing has a deadline of its own.
            _ = Glibc.send(control, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        }
    }

    private static func spawn(
        _ arguments: [String], control: Int32, environment more: [String: String]
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, control, LockGuard.control)
        _ = linux_spawn_close_from(&actions, LockGuard.control + 1)
        let merged = ProcessInfo.processInfo.environment.merging(more) { $1 }
        return try Spawn.process("/proc/self/exe", arguments, environment: merged, &actions)
    }

    static func words(_ code: Int32) -> String { strerror(code).map { String(cString: $0) } ?? "error \(code)" }
}

extension Duration {
    var nanoseconds: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}
