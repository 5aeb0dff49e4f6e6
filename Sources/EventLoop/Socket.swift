// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// What a non-blocking connect(2) answered at once.
public enum ConnectProgress: Hashable, Sendable {
    case connected
    /// Writability tells of its end; then `pendingError()` says which.
    case underWay
}

extension Descriptor {
    /// A non-blocking TCP socket of the address's family.
    public static func stream(for address: SocketAddress) throws(EventLoopError) -> Descriptor {
        try Descriptor(
            adopting: linux_stream_socket(address.family), operation: "open socket for", subject: "\(address)")
    }

    /// A listening, non-blocking TCP socket; port 0 takes a free one.
    ///
    /// - Parameter freely: though this host may not have the address yet.
    public static func listener(
        on address: SocketAddress, backlog: Int32 = 128, reusePort: Bool = false, freely: Bool = false
    ) throws(EventLoopError) -> Descriptor {
        let socket = try stream(for: address)
        if freely { try socket.bindFreely(family: address.family) }
        try socket.setOption(SOL_SOCKET, SO_REUSEADDR, 1)
        if reusePort { try socket.setOption(SOL_SOCKET, SO_REUSEPORT, 1) }
        try socket.bind(to: address)
        guard listen(socket.rawValue, backlog) == 0 else {
            throw EventLoopError(operation: "listen on", subject: "\(address)", errno: errno)
        }
        return socket
    }

    /// bind(2): packets come from this address; port 0 takes a free one.
    public func bind(to address: SocketAddress) throws(EventLoopError) {
        let bound = address.withNative { linux_bind(rawValue, $0, $1) }
        guard bound == 0 else { throw EventLoopError(operation: "bind", subject: "\(address)", errno: errno) }
    }

    /// connect(2); a refusal that is known at once throws.
    public func connect(to address: SocketAddress) throws(EventLoopError) -> ConnectProgress {
        let answer = address.withNative { linux_connect(rawValue, $0, $1) }
        if answer == 0 { return .connected }
        if errno == EINPROGRESS || errno == EINTR { return .underWay }
        throw EventLoopError(operation: "connect", subject: "\(address)", errno: errno)
    }

    /// The next connection, non-blocking; nil where none waits.
    public func accept() throws(EventLoopError) -> Descriptor? {
        while true {
            let answer = linux_accept(rawValue)
            if answer >= 0 { return Descriptor(adopting: answer) }
            if errno == EAGAIN { return nil }
            // A connection that was reset while it waited is no failure of the listener: accept(2), 'Error handling'.
            if errno != EINTR && errno != ECONNABORTED { throw failure("accept") }
        }
    }

    /// As `accept`, of a Unix socket whose connections' calls are to wait.
    public func acceptWaiting() throws(EventLoopError) -> Descriptor? {
        while true {
            let answer = linux_accept_waiting(rawValue)
            if answer >= 0 { return Descriptor(adopting: answer) }
            if errno == EAGAIN { return nil }
            if errno != EINTR && errno != ECONNABORTED { throw failure("accept") }
        }
    }

    /// The next connection and who made it.
    ///
    /// - Returns: the socket, or -errno; -EAGAIN where none waits.
    public func acceptFrom(_ client: inout SocketAddress) -> Int32 {
        var storage = sockaddr_storage()
        var length = socklen_t(0)
        while true {
            let answer = linux_accept_from(rawValue, &storage, &length)
            if answer >= 0 {
                // A client of another family than IP is none that a listener of an IP address could have.
                client = SocketAddress(native: storage) ?? client
                return answer
            }
            if errno != EINTR && errno != ECONNABORTED { return -errno }
        }
    }

    /// - Returns: a non-blocking TCP socket of the family, or -errno.
    public static func openStream(family: Int32) -> Int32 {
        let answer = linux_stream_socket(family)
        return answer >= 0 ? answer : -errno
    }

    /// TCP_NODELAY. Whether it was taken.
    public func sendWithoutDelay() -> Bool {
        var one: Int32 = 1
        return setsockopt(rawValue, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size)) == 0
    }

    /// connect(2) without the price of an error's text.
    ///
    /// - Returns: 0: connected, EINPROGRESS: under way, or why not.
    public func begin(connectTo address: SocketAddress) -> Int32 {
        let answer = address.withNative { linux_connect(rawValue, $0, $1) }
        return answer == 0 ? 0 : errno == EINTR ? EINPROGRESS : errno
    }

    /// SO_ERROR: 0, or what a connect under way came to; reading it clears it.
    public func pendingError() -> Int32 {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(rawValue, SOL_SOCKET, SO_ERROR, &value, &length) == 0 ? value : errno
    }

    public func localAddress() throws(EventLoopError) -> SocketAddress {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        guard linux_local_address(rawValue, &storage, &length) == 0, let address = SocketAddress(native: storage) else {
            throw failure("read the address of")
        }
        return address
    }

    /// setsockopt(2) of a whole number.
    public func setOption(_ level: Int32, _ name: Int32, _ value: Int32) throws(EventLoopError) {
        var value = value
        guard setsockopt(rawValue, level, name, &value, socklen_t(MemoryLayout<Int32>.size)) == 0 else {
            throw failure("set option \(level)/\(name) of")
        }
    }

    /// Every packet of the socket carries this mark; needs CAP_NET_ADMIN.
    public func setMark(_ mark: UInt32) throws(EventLoopError) {
        try setOption(SOL_SOCKET, SO_MARK, Int32(bitPattern: mark))
    }

    /// Closing resets the connection and leaves no TIME_WAIT behind.
    ///
    /// - Returns: whether it was taken; if not, the close is an orderly one.
    public func willReset() -> Bool { linux_reset_on_close(rawValue) == 0 }

    /// As `willReset`, for whom it matters.
    public func resetOnClose() throws(EventLoopError) {
        guard linux_reset_on_close(rawValue) == 0 else { throw failure("set SO_LINGER of") }
    }
}
