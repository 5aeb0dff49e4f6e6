// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Starts a program as the leader of a process group of its own, with no signal blocked or ignored.
enum Spawn {
    /// - Parameter program: looked for in PATH where it is no path.
    /// - Throws: `SpawnFailure`.
    static func process(
        _ program: String, _ arguments: [String], environment: [String: String]? = nil,
        _ actions: inout posix_spawn_file_actions_t
    ) throws -> pid_t {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
        let words = arguments.map { strdup($0) } + [nil]
        let variables = (environment ?? [:]).map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in words + variables { free(text) } }
        var process = pid_t()
        let code =
            environment == nil
            ? posix_spawnp(&process, program, &actions, &attributes, words, environ)
            : posix_spawnp(&process, program, &actions, &attributes, words, variables)
        guard code == 0 else { throw SpawnFailure(code: code) }
        return process
    }
}

struct SpawnFailure: Error {
    let code: Int32

    /// As shells have it.
    var status: Int32 { code == ENOENT ? 127 : 126 }
}
