// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Coordination

/// A real server on free loopback ports with its data in a temporary directory; it ends with the test, and with the
/// test's process however that ends.
final class StoreProcess: Sendable {
    let directory: TemporaryDirectory
    private let shell: pid_t
    /// The server lives as long as this end of the pipe is open.
    private let life: Int32
    private let ended = Atomic(false)

    /// Starts `arguments`, whose first is a path, and waits until `isReady`.
    init(
        _ arguments: [String], in directory: TemporaryDirectory, isReady: @Sendable () async throws -> Bool
    ) async throws {
        self.directory = directory
        let script = """
            exec 3<&0 </dev/null >>"$0/log" 2>&1
            "$@" 3<&- & server=$!; echo $server >"$0/pid"
            read -r _ <&3 || gone=1
            kill -9 $server; wait $server; [ -z "$gone" ] || rm -rf "$0"
            """
        (shell, life) = try Self.spawn(["/bin/sh", "-c", script, directory.path] + arguments)
        let end = BootClock.now() + StoreKind.patience
        while true {
            do {
                if try await isReady() { return }
            } catch {
                // Not yet.
            }
            guard BootClock.now() < end else {
                throw SystemError("start \(arguments[0])", cause: try Shell.run("tail -n 3 \(directory.path)/log"))
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    func signal(_ signal: String) throws {
        try Shell.run("kill -\(signal) $(cat \(directory.path)/pid)")
    }

    /// Ends it with SIGKILL, and returns when it is gone.
    func end() {
        guard !ended.exchange(true, ordering: .sequentiallyConsistent) else { return }
        // Told so, it leaves the data where they are.
        _ = write(life, "\n", 1)
        close(life)
        var status: Int32 = 0
        while waitpid(shell, &status, 0) < 0 && errno == EINTR {}
    }

    private static func spawn(_ arguments: [String]) throws -> (pid_t, Int32) {
        var ends: [Int32] = [0, 0]
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw SystemError("make a pair of sockets") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
        // Threads of tasks block signals, and the shell waits for one.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var child: pid_t = 0
        let words = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        let code = posix_spawn(&child, arguments[0], &actions, &attributes, words, environ)
        close(ends[0])
        guard code == 0 else {
            close(ends[1])
            throw SystemError("start \(arguments[0])", cause: "error \(code)")
        }
        return (child, ends[1])
    }

    /// A port of the loopback that nobody else has or was given.
    static func freePort() throws -> UInt16 { try ServerProcess.freePorts(1)[0] }
}

/// A server that all tests of a kind use, started by the first of them.
actor Shared<Server: Sendable> {
    private var started: Task<Server, any Error>?
    private let start: @Sendable () async throws -> Server

    init(_ start: @escaping @Sendable () async throws -> Server) { self.start = start }

    func get() async throws -> Server {
        if let started { return try await started.value }
        let task = Task { try await start() }
        started = task
        return try await task.value
    }
}
