// SPDX-License-Identifier: Apache-2.0

import CLinux
import Coordination
import Glibc
import Synchronization

/// Stands between `lock run` and its command, and answers for the command's end: on one thread, by the clock since
/// boot, whatever becomes of `lock run`.
final class LockGuard {
    /// The descriptor that `lock run` gives it.
    static let control: Int32 = 3

    private var closesAt: Duration
    /// Between TERM and KILL.
    private let grace: Duration
    private let hasTerminal: Bool
    private var child: pid_t = 0
    private var isTerminated = false
    private var pending: [UInt8] = []

    /// A suspended machine's clock goes on while poll(2)'s does not: so often it is looked at.
    private static let tick = Duration.milliseconds(200)

    init(closesAt: Duration, grace: Duration, hasTerminal: Bool) {
        self.closesAt = closesAt
        self.grace = grace
        self.hasTerminal = hasTerminal
    }

    /// Answers the command's exit status, or 128 and the signal's number.
    func run(_ command: [String]) -> Int32 {
        guard listenForEnds() else { return fail("make a pipe", errno) }
        do {
            child = try start(command)
        } catch {
            return fail("run \(command[0])", error.code, status: error.status)
        }
        if hasTerminal {
            tcsetpgrp(STDIN_FILENO, child)
            // It may have asked for input before.
            kill(-child, SIGCONT)
        }
        var group = Int64(child)
        withUnsafeBytes(of: &group) { _ = send(Self.control, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        while true {
            if let status = ended() {
                endRest()
                return status
            }
            waitForNews()
            keepTime()
        }
    }

    private func start(_ command: [String]) throws(SpawnFailure) -> pid_t {
        signal(SIGTTOU, SIG_IGN)
        _ = fcntl(Self.control, F_SETFD, FD_CLOEXEC)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        do {
            return try Spawn.process(command[0], command, &actions)
        } catch let error as SpawnFailure { throw error } catch { throw SpawnFailure(code: EINVAL) }
    }

    /// Until a message or a child's end comes, or it is time.
    private func waitForNews() {
        let left = min(Self.tick, max(.zero, next - BootClock.now()))
        var waiting = [
            pollfd(fd: Self.control, events: Int16(POLLIN), revents: 0),
            pollfd(fd: childEndsReading.load(ordering: .relaxed), events: Int16(POLLIN), revents: 0),
        ]
        guard poll(&waiting, 2, Int32((left / .milliseconds(1)).rounded(.up))) > 0 else { return }
        if waiting[1].revents != 0 {
            var bytes = [UInt8](repeating: 0, count: 64)
            _ = read(waiting[1].fd, &bytes, bytes.count)
        }
        if waiting[0].revents != 0 { listen() }
    }

    private var next: Duration { isTerminated ? closesAt + grace : closesAt }

    private func keepTime() {
        let now = BootClock.now()
        if now >= closesAt + grace {
            kill(-child, SIGKILL)
        } else if now >= closesAt, !isTerminated {
            isTerminated = true
            kill(-child, SIGTERM)
            // A stopped one must hear it, too.
            kill(-child, SIGCONT)
        }
    }

    private func listen() {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = recv(Self.control, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        if count > 0 { pending += bytes[..<count] }
        // The other end is gone, and with it who renews the lease.
        if count == 0 { kill(-child, SIGKILL) }
        while pending.count >= 9 {
            var number: Int64 = 0
            withUnsafeMutableBytes(of: &number) { $0.copyBytes(from: pending[1..<9]) }
            obey(pending[0], number)
            pending.removeFirst(9)
        }
    }

    private func obey(_ message: UInt8, _ number: Int64) {
        switch GuardedProcess.Message(rawValue: message) {
        case .closesAt: if !isTerminated { closesAt = max(closesAt, .nanoseconds(number)) }
        case .signal: kill(-child, Int32(truncatingIfNeeded: number))
        case .kill: kill(-child, SIGKILL)
        case nil: break
        }
    }

    private func ended() -> Int32? {
        var status: Int32 = 0
        guard waitpid(child, &status, WNOHANG | WUNTRACED) == child else { return nil }
        if status & 0xff == 0x7f {
            // Nobody could wake it again: the shell knows of `lock run` alone.
            if hasTerminal, status >> 8 & 0xff == SIGTSTP { kill(-child, SIGCONT) }
            return nil
        }
        return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
    }

    /// What the command left behind in its group must not go on without the lock.
    private func endRest() {
        guard kill(-child, SIGTERM) == 0 else { return }
        kill(-child, SIGCONT)
        let end = min(BootClock.now() + .seconds(1), max(closesAt + grace, BootClock.now()))
        while BootClock.now() < end, kill(-child, 0) == 0 { usleep(10_000) }
        kill(-child, SIGKILL)
    }

    private func fail(_ operation: String, _ code: Int32, status: Int32 = 126) -> Int32 {
        Terminal.error("\(operation): \(GuardedProcess.words(code))")
        return status
    }

    private func listenForEnds() -> Bool {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return false }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        childEndsReading.store(ends[0], ordering: .relaxed)
        childEndsWriting.store(ends[1], ordering: .relaxed)
        signal(SIGCHLD) { _ in
            var byte: UInt8 = 1
            _ = write(childEndsWriting.load(ordering: .relaxed), &byte, 1)
        }
        return true
    }
}

// What the signal's handler may look at: both ends of a pipe.
private let childEndsReading = Atomic<Int32>(-1)
private let childEndsWriting = Atomic<Int32>(-1)
