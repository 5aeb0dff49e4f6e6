// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// A server that a test starts and ends; it is killed when the test lets go of it.
public final class ServerProcess: Sendable {
    public let pid: pid_t
    private let ended = Mutex(false)

    /// - Parameter log: What it prints goes there, after what is there already.
    public init(_ program: String, _ arguments: [String], log: String) throws {
        guard let path = Requirement.path(of: program) else {
            throw SystemError("start \(program)", cause: "not found")
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        let failure = posix_spawn(&pid, path, &actions, nil, &words, environ)
        guard failure == 0 else { throw SystemError("start \(path)", cause: "error \(failure)") }
        self.pid = pid
    }

    public func signal(_ number: Int32) { ended.withLock { if !$0 { _ = kill(pid, number) } } }

    /// Kills it and waits until it is gone.
    public func end(_ number: Int32 = SIGKILL) {
        ended.withLock { ended in
            guard !ended else { return }
            kill(pid, number)
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
            ended = true
        }
    }

    deinit { end() }

    private static let given = Mutex<Set<UInt16>>([])

    /// TCP ports of loopback that nobody uses now, and that this process has given to nobody yet.
    public static func freePorts(_ count: Int) throws -> [UInt16] {
        var ports: [UInt16] = []
        while ports.count < count {
            let port = try freePort()
            if given.withLock({ $0.insert(port).inserted }) { ports.append(port) }
        }
        return ports
    }

    private static func freePort() throws -> UInt16 {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0
            }
        }
        guard bound else { throw SystemError("find a free port") }
        return UInt16(bigEndian: address.sin_port)
    }
}
