// SPDX-License-Identifier: Apache-2.0

import CLinux
import Dispatch
import Glibc
import Model
import Synchronization

/// A program that is run to its end within a time, in a process group of its own.
struct Program: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let words: [String]
    /// Added to this process's own.
    let environment: [String: String]
    let limit: Duration

    /// How long a group that was told to end is waited for.
    private static let grace = Duration.seconds(2)
    private static let outputMax = 4096

    /// Throws where it cannot be started, fails, or takes too long. Its group is ended then, and when the task is
    /// cancelled.
    func run() async throws {
        let isCancelled = Flag()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                // A thread of its own: waiting would take one of the few that all tasks share.
                DispatchQueue(label: "sluice-template").async {
                    continuation.resume(with: Result { try runToEnd(isCancelled) })
                }
            }
        } onCancel: {
            isCancelled.value.store(true, ordering: .releasing)
        }
    }

    private final class Flag: Sendable {
        let value = Atomic(false)
    }

    private func runToEnd(_ isCancelled: Flag) throws {
        var ends: [Int32] = [-1, -1]
        guard linux_pipe(&ends) == 0 else { throw failure(Self.cause(errno)) }
        defer { close(ends[0]) }
        let process: pid_t
        do {
            defer { close(ends[1]) }
            process = try spawn(output: ends[1])
        }
        let watch = linux_pidfd_open(process)
        defer { if watch >= 0 { close(watch) } }
        var output = Output(descriptor: ends[0], most: Self.outputMax)
        let deadline = ContinuousClock.now + limit
        while !output.wait(for: watch, until: deadline) {
            let isLate = ContinuousClock.now >= deadline
            guard isLate || isCancelled.value.load(ordering: .acquiring) else { continue }
            end(process, watch, &output)
            throw failure(isLate ? "not done after \(limit), ended" : "ended, as this program ends")
        }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        output.drain()
        guard status != 0 else { return }
        let signal = status & 0x7f
        let how = signal == 0 ? "exit status \((status >> 8) & 0xff)" : "ended by signal \(signal)"
        throw failure(how + output.summary)
    }

    /// The group is told to end, and killed where it does not. Its number stays ours until the first is waited for.
    private func end(_ process: pid_t, _ watch: Int32, _ output: inout Output) {
        kill(-process, SIGTERM)
        let deadline = ContinuousClock.now + Self.grace
        while ContinuousClock.now < deadline, !output.wait(for: watch, until: deadline) {}
        kill(-process, SIGKILL)
        while waitpid(process, nil, 0) < 0 && errno == EINTR {}
    }

    private func spawn(output: Int32) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, output, 2)
        linux_spawn_close_from(&actions, 3)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        // What this process ignores the program shall not: a shell could not be told to end.
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        let arguments = Self.terminated(words)
        let variables = Self.terminated(Self.inherited(without: environment) + environment.map { "\($0)=\($1)" })
        defer { for word in arguments + variables { free(word) } }
        var process: pid_t = 0
        let code = posix_spawnp(&process, words[0], &actions, &attributes, arguments, variables)
        guard code == 0 else { throw failure(Self.cause(code)) }
        return process
    }

    private static func inherited(without added: [String: String]) -> [String] {
        var variables: [String] = []
        var next = environ
        while let variable = next.pointee {
            let text = String(cString: variable)
            if added[String(text.prefix { $0 != "=" })] == nil { variables.append(text) }
            next += 1
        }
        return variables
    }

    /// C strings with a null after the last; the caller frees them.
    private static func terminated(_ words: [String]) -> [UnsafeMutablePointer<CChar>?] {
        words.map { word -> UnsafeMutablePointer<CChar>? in strdup(word) } + [nil]
    }

    private func failure(_ cause: String) -> Failure {
        let shown = words.count == 3 && words[0] == "/bin/sh" ? words[2] : words.joined(separator: " ")
        return Failure(description: "\(shown): \(cause)")
    }

    private static func cause(_ code: Int32) -> String {
        strerror(code).map { String(cString: $0) } ?? "error \(code)"
    }
}

extension Program {
    /// What a program prints, the beginning of it, for a message.
    private struct Output {
        let descriptor: Int32
        let most: Int
        private var bytes: [UInt8] = []
        private var isOpen = true

        init(descriptor: Int32, most: Int) {
            self.descriptor = descriptor
            self.most = most
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        }

        /// Reads meanwhile; answers whether the process has ended, at the latest after 100 ms whether it has not.
        mutating func wait(for watch: Int32, until deadline: ContinuousClock.Instant) -> Bool {
            let left = max(.zero, min(deadline - .now, .milliseconds(100)))
            var waiting = [
                pollfd(fd: watch, events: Int16(POLLIN), revents: 0),
                pollfd(fd: isOpen ? descriptor : -1, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&waiting, 2, Int32(left / .milliseconds(1)) + 1) > 0 else { return false }
            if waiting[1].revents != 0 { drain() }
            return waiting[0].revents != 0
        }

        /// What is there; others may still hold the other end, as a server that was started does.
        mutating func drain() {
            var buffer = [UInt8](repeating: 0, count: 4096)
            while isOpen {
                let count = read(descriptor, &buffer, buffer.count)
                if count == 0 { isOpen = false }
                guard count > 0 else { return }
                bytes += buffer[..<min(count, most - bytes.count)]
            }
        }

        /// `: line; line`, or nothing.
        var summary: String {
            let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).prefix(3)
            let shown = lines.map { $0.prefix(300).filter { !$0.isASCII || $0 >= " " } }
            return shown.isEmpty ? "" : ": " + shown.joined(separator: "; ")
        }
    }
}

extension TemplateDefinition.Command {
    /// The words to run; what stands for the path is replaced by it, for a shell in quotes.
    func words(path: String) -> [String] {
        let mark = TemplateDefinition.pathWord
        switch self {
        case .shell(let text):
            let quoted = "'" + path.replacing("'", with: "'\\''") + "'"
            return ["/bin/sh", "-c", text.replacing(mark, with: quoted)]
        case .program(let words): return words.map { $0.replacing(mark, with: path) }
        }
    }
}
