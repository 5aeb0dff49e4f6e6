// SPDX-License-Identifier: Apache-2.0

import CDataplane
import CLinux
import EventLoop
import Glibc

/// Starts workers: this very program, with the socket at which it is told what to do.
struct WorkerSpawn: Sendable {
    /// Of the workers' sockets; root's alone.
    let directory: String
    let user: UInt32
    let group: UInt32
    /// How many there are to be: of the host's memory each has its part.
    let workers: Int

    /// - Returns: the process, which runs even where its link does not come about, and its link.
    func start(slot: Int) throws -> (process: pid_t, link: Result<WorkerLink, any Error>) {
        let path = "\(directory)/\(slot)-\(String(UInt32.random(in: .min ... .max), radix: 16)).sock"
        let control = try PacketSocket.listener(at: path)
        let process: pid_t
        do {
            process = try spawn(slot, control)
        } catch {
            unlink(path)
            throw error
        }
        return (process, Result { try link(to: path, of: process) })
    }

    private func link(to path: String, of process: pid_t) throws -> WorkerLink {
        do {
            let link = try link(at: path)
            guard link.peer.process == process else {
                throw WorkerFailure(path: path, cause: "process \(link.peer.process) answers for \(process)")
            }
            return link
        } catch {
            // Our child, not reaped yet: the number is its own. What it said goes to the log of this process.
            kill(process, SIGKILL)
            unlink(path)
            throw error
        }
    }

    /// To a worker that runs. The slot is in the name that the daemon gave the socket: another's is not to be had.
    func link(at path: String) throws -> WorkerLink {
        let name = path.split(separator: "/").last ?? ""
        guard let slot = Int(name.prefix { $0 != "-" }), (0..<Int(WORKERS_MAX)).contains(slot) else {
            throw WorkerFailure(path: path, cause: "the name is no worker's")
        }
        return try WorkerLink(path: path, slot: slot)
    }

    private func spawn(_ slot: Int, _ control: borrowing Descriptor) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, control.rawValue, WorkerCommand.control)
        _ = linux_spawn_close_from(&actions, WorkerCommand.control + 1)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        Self.setSignals(&attributes)
        let words = [
            "sluiced", "worker", "--slot", "\(slot)", "--workers", "\(workers)", "--user", "\(user)",
            "--group", "\(group)",
        ]
        let arguments = words.map { strdup($0) } + [nil]
        defer { for text in arguments { free(text) } }
        var process = pid_t()
        let failure = posix_spawn(&process, "/proc/self/exe", &actions, &attributes, arguments, environ)
        guard failure == 0 else {
            throw EventLoopError(operation: "start", subject: "worker \(slot)", errno: failure)
        }
        return process
    }

    /// None blocked or ignored; in a process group of its own, as it outlives the daemon.
    private static func setSignals(_ attributes: inout posix_spawnattr_t) {
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
    }

    /// Makes the directory; what an earlier daemon's workers left in it is answered.
    func prepare() throws -> [String] {
        if mkdir(directory, 0o700) != 0 && errno != EEXIST {
            throw EventLoopError(operation: "make directory", subject: directory, errno: errno)
        }
        guard let folder = opendir(directory) else {
            throw EventLoopError(operation: "list", subject: directory, errno: errno)
        }
        defer { closedir(folder) }
        var found: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".sock") { found.append("\(directory)/\(name)") }
        }
        return found.sorted()
    }
}
