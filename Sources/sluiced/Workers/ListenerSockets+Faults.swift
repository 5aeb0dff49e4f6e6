// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import Model

extension ListenerSockets {
    /// What tells a socket that a worker gives from one that a daemon opened for this VIP; nil: nothing.
    static func fault(of socket: borrowing Descriptor, for vip: VIP) -> String? {
        var status = stat()
        // A socket's owner is who opened it, and workers are not the daemon's user.
        guard fstat(socket.rawValue, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return "is no socket" }
        guard status.st_uid == geteuid() else { return "is another user's" }
        let isTCP = vip.transport == .tcp
        let facts: [(name: Int32, wanted: Int32, text: String)] = [
            (SO_DOMAIN, vip.address.isIPv4 ? AF_INET : AF_INET6, "is of another family"),
            (SO_PROTOCOL, Int32(isTCP ? IPPROTO_TCP : IPPROTO_UDP), "is of another protocol"),
            (SO_ACCEPTCONN, isTCP ? 1 : 0, "does not listen"),
            (SO_REUSEPORT, 1, "is alone on its port"),
        ]
        for fact in facts where socket.option(SOL_SOCKET, fact.name) != fact.wanted { return fact.text }
        do {
            let bound = try socket.localAddress()
            let wanted = SocketAddress(high: vip.address.high, low: vip.address.low, port: vip.port)
            return bound == wanted ? nil : "is bound to \(bound)"
        } catch {
            return "has no address: \(error)"
        }
    }

    /// Tells one open socket from another, however many descriptors it has: SO_COOKIE, socket(7).
    static func cookie(of socket: borrowing Descriptor) -> UInt64? {
        var cookie: UInt64 = 0
        var length = socklen_t(MemoryLayout<UInt64>.size)
        return getsockopt(socket.rawValue, SOL_SOCKET, SO_COOKIE, &cookie, &length) == 0 ? cookie : nil
    }
}

extension Descriptor {
    /// getsockopt(2) of a whole number; nil where the socket has no such option.
    fileprivate func option(_ level: Int32, _ name: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(rawValue, level, name, &value, &length) == 0 ? value : nil
    }
}
