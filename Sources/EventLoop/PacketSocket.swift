// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// What one packet between two processes of this host brings: bytes, and a descriptor.
public struct Packet: ~Copyable {
    public let bytes: [UInt8]
    public var descriptor: Descriptor?
    /// Where the socket names senders.
    public let sender: Sender?

    /// Who sent it, as the kernel has it.
    public struct Sender: Hashable, Sendable {
        public let process: Int32
        public let user: UInt32

        public init(process: Int32, user: UInt32) {
            self.process = process
            self.user = user
        }
    }

    public init(bytes: [UInt8], descriptor: consuming Descriptor? = nil, sender: Sender? = nil) {
        self.bytes = bytes
        self.descriptor = descriptor
        self.sender = sender
    }
}

/// One end of a Unix socket that keeps packets apart and passes descriptors: unix(7), SOCK_SEQPACKET. Calls wait, as
/// long as `patience` says.
public struct PacketSocket: ~Copyable, Sendable {
    public let descriptor: Descriptor
    /// Of a packet, bytes: what is larger goes by a file of memory.
    public static let room = 65536

    public init(adopting descriptor: consuming Descriptor) { self.descriptor = descriptor }

    /// One that listens at a path where there is nothing yet.
    public static func listener(at path: String) throws(EventLoopError) -> Descriptor {
        let socket = try Descriptor(adopting: linux_packet_socket(), operation: "open socket for", subject: path)
        guard linux_bind_path(socket.rawValue, path) == 0, listen(socket.rawValue, 8) == 0 else {
            throw EventLoopError(operation: "listen at", subject: path, errno: errno)
        }
        return socket
    }

    /// Connects to whoever listens at the path.
    public init(connectedTo path: String, patience: Duration) throws(EventLoopError) {
        let socket = try Descriptor(adopting: linux_packet_socket(), operation: "open socket for", subject: path)
        guard linux_set_patience(socket.rawValue, Int(patience / .milliseconds(1))) == 0,
            linux_connect_path(socket.rawValue, path) == 0
        else {
            throw EventLoopError(operation: "connect to", subject: path, errno: errno)
        }
        descriptor = socket
    }

    public func setPatience(_ patience: Duration) throws(EventLoopError) {
        guard linux_set_patience(descriptor.rawValue, Int(patience / .milliseconds(1))) == 0 else {
            throw descriptor.failure("set the time-out of")
        }
    }

    /// Each packet says from now on who sent it. (The peer of a connected Unix socket is whoever called listen, which
    /// need not be who accepts.)
    public func nameSenders() throws(EventLoopError) {
        guard linux_name_senders(descriptor.rawValue) == 0 else { throw descriptor.failure("set SO_PASSCRED of") }
    }

    /// The user at the other end.
    public func peer() throws(EventLoopError) -> UInt32 {
        var peer = sluice_peer()
        var length = socklen_t(MemoryLayout<sluice_peer>.size)
        guard getsockopt(descriptor.rawValue, SOL_SOCKET, Int32(SLUICE_SO_PEERCRED), &peer, &length) == 0 else {
            throw descriptor.failure("ask for the peer of")
        }
        return peer.uid
    }

    public func send(_ bytes: [UInt8], passing passed: Int32 = -1) throws(EventLoopError) {
        while linux_send_packet(descriptor.rawValue, bytes, bytes.count, passed) < 0 {
            if errno != EINTR { throw descriptor.failure("send a packet by") }
        }
    }

    /// The next packet; nil where the other end is closed.
    public func receive() throws(EventLoopError) -> Packet? {
        var bytes = [UInt8](repeating: 0, count: Self.room)
        var passed: Int32 = -1
        var peer = sluice_peer()
        while true {
            let count = linux_receive_packet(descriptor.rawValue, &bytes, bytes.count, &passed, &peer)
            if count == 0 && passed < 0 { return nil }
            if count >= 0 {
                bytes.removeLast(bytes.count - count)
                return Packet(
                    bytes: bytes, descriptor: passed < 0 ? nil : Descriptor(adopting: passed),
                    sender: peer.pid == 0 ? nil : .init(process: peer.pid, user: peer.uid))
            }
            if errno == ECONNRESET { return nil }
            if errno != EINTR { throw descriptor.failure("receive a packet by") }
        }
    }
}

extension Descriptor {
    /// A file of memory that holds these bytes: what is too large for a packet.
    public static func memory(_ name: String, holding bytes: [UInt8]) throws(EventLoopError) -> Descriptor {
        let file = try Descriptor(
            adopting: linux_memory_file(name), operation: "make file of memory", subject: name)
        var start = 0
        while start < bytes.count {
            let count = bytes.withUnsafeBytes {
                // In bounds: start is below the count.
                pwrite(file.rawValue, $0.baseAddress.map { $0 + start }, bytes.count - start, off_t(start))
            }
            if count < 0 && errno != EINTR { throw file.failure("write") }
            start += max(count, 0)
        }
        return file
    }

    /// All that a file holds, from its beginning.
    ///
    /// - Throws: EFBIG beyond `most` bytes, EINVAL for what is no file: a read of a pipe could wait for ever.
    public func contents(most: Int) throws(EventLoopError) -> [UInt8] {
        var status = stat()
        guard fstat(rawValue, &status) == 0 else { throw failure("look at") }
        let size = Int(status.st_size)
        let isFile = status.st_mode & S_IFMT == S_IFREG
        guard isFile, size <= most else {
            throw EventLoopError(operation: "read", subject: "descriptor \(rawValue)", errno: isFile ? EFBIG : EINVAL)
        }
        var bytes = [UInt8](repeating: 0, count: size)
        var start = 0
        while start < size {
            let count = bytes.withUnsafeMutableBytes {
                // In bounds: start is below the count.
                pread(rawValue, $0.baseAddress.map { $0 + start }, size - start, off_t(start))
            }
            if count < 0 && errno != EINTR { throw failure("read") }
            if count == 0 { break }
            start += max(count, 0)
        }
        bytes.removeLast(size - start)
        return bytes
    }

    /// Another number for the same open file.
    public func duplicate() throws(EventLoopError) -> Descriptor {
        let answer = linux_duplicate(rawValue)
        guard answer >= 0 else { throw failure("duplicate") }
        return Descriptor(adopting: answer)
    }

    /// An address that this host does not have yet can be bound: IP_FREEBIND, ip(7).
    public func bindFreely(family: Int32) throws(EventLoopError) {
        if family == AF_INET {
            try setOption(Int32(IPPROTO_IP), Int32(LINUX_FREEBIND), 1)
        } else {
            try setOption(Int32(IPPROTO_IPV6), Int32(LINUX_IPV6_FREEBIND), 1)
        }
    }
}
