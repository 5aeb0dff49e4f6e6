// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Synchronization
import TestSupport

/// Stands between a client and a server on loopback, and loses the answer to one request: what was asked is done, and
/// who asked hears nothing but the end of the connection.
final class LosingProxy: Sendable {
    let port: UInt16
    private let server: UInt16
    private let listener: Int32
    private let awaited = Mutex<[[UInt8]]>([])
    private let count = Atomic<Int>(0)

    init(to server: UInt16) throws {
        self.server = server
        port = try StoreProcess.freePort()
        listener = Self.stream()
        var one: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        let isBound = Self.at(port) { bind(listener, $0, $1) } == 0 && listen(listener, 64) == 0
        guard isBound else { throw SystemError("listen on \(port)") }
        try DetachedThread.run { [self] in accept() }
    }

    /// The next request that contains these bytes, plain or in base64, is done without an answer.
    func loseAnswer(toRequestWith text: String) {
        let plain = Array(text.utf8)
        awaited.withLock { $0 = [plain, Array(Data(plain).base64EncodedString().utf8)] }
    }

    /// How many answers were lost.
    var lost: Int { count.load(ordering: .sequentiallyConsistent) }

    func end() { shutdown(listener, Int32(SHUT_RDWR)) }

    private func accept() {
        while true {
            let client = Glibc.accept(listener, nil, nil)
            guard client >= 0 else {
                if errno == EINTR { continue }
                close(listener)
                return
            }
            do {
                try DetachedThread.run { [self] in
                    carry(client)
                    close(client)
                }
            } catch {
                close(client)
            }
        }
    }

    private func carry(_ client: Int32) {
        let target = Self.stream()
        defer { close(target) }
        guard Self.at(server, { connect(target, $0, $1) }) == 0 else { return }
        var isDoomed = false
        var seen: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            var waiting = [
                pollfd(fd: client, events: Int16(POLLIN), revents: 0),
                pollfd(fd: target, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&waiting, 2, -1) > 0 || errno == EINTR else { return }
            if waiting[0].revents != 0 {
                let bytes = read(client, &buffer, buffer.count)
                guard bytes > 0 else { return }
                seen = seen.suffix(4096) + buffer[..<bytes]
                isDoomed = isDoomed || isAwaited(in: seen)
                guard write(target, buffer, bytes) == bytes else { return }
            }
            if waiting[1].revents != 0 {
                let bytes = read(target, &buffer, buffer.count)
                guard bytes > 0 else { return }
                if isDoomed {
                    count.add(1, ordering: .sequentiallyConsistent)
                    return
                }
                guard write(client, buffer, bytes) == bytes else { return }
            }
        }
    }

    /// Once.
    private func isAwaited(in bytes: [UInt8]) -> Bool {
        awaited.withLock { awaited in
            guard awaited.contains(where: { bytes.contains($0) }) else { return false }
            awaited = []
            return true
        }
    }

    private static func stream() -> Int32 {
        socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    }

    private static func at(_ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
