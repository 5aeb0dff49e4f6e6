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

    /// Below the range from which the kernel takes the ports of outgoing connections (32768 unless set otherwise): one of
    /// those may be taken by any client between this answer and the server's start.
    private static let served: ClosedRange<UInt16> = 10_240...32_000

    /// Ports of loopback that nobody uses now, for TCP and UDP, and that this process has given to nobody yet.
    public static func freePorts(_ count: Int) throws -> [UInt16] {
        var ports: [UInt16] = []
        for _ in 0..<10_000 where ports.count < count {
            let port = UInt16.random(in: served)
            guard try isFree(port, SOCK_STREAM), try isFree(port, SOCK_DGRAM) else { continue }
            if given.withLock({ $0.insert(port).inserted }) { ports.append(port) }
        }
        guard ports.count == count else { throw SystemError("find \(count) free ports", cause: "\(served) are in use") }
        return ports
    }

    private static func isFree(_ port: UInt16, _ kind: __socket_type) throws -> Bool {
        let socket = Glibc.socket(AF_INET, Int32(kind.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw SystemError("make a socket") }
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
