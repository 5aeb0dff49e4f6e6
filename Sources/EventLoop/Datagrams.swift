// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Datagrams on their way in or out, up to 32 a system call, in one piece of memory that is allocated once.
///
/// For one thread. What was received can be sent on as it lies.
public struct Datagrams: ~Copyable {
    /// A datagram's whereabouts.
    public typealias Facts = linux_datagram

    public static let limit = Int(LINUX_DATAGRAMS_MAX)
    /// Of one datagram, bytes: what IP can carry.
    public static let room = 65536

    private let batch: UnsafeMutablePointer<linux_batch>
    private let facts: UnsafeMutablePointer<linux_datagram>
    private let bytes: UnsafeMutableRawPointer

    public init() {
        batch = .allocate(capacity: 1)
        facts = .allocate(capacity: Self.limit)
        facts.initialize(repeating: linux_datagram(), count: Self.limit)
        bytes = .allocate(byteCount: Self.limit * Self.room, alignment: 64)
    }

    deinit {
        batch.deallocate()
        facts.deallocate()
        bytes.deallocate()
    }

    /// Those of the last `receive`, by their place in the batch.
    public subscript(index: Int) -> Facts {
        get {
            precondition(index >= 0 && index < Self.limit, "no such place in a batch")
            return facts[index]
        }
        set {
            precondition(index >= 0 && index < Self.limit, "no such place in a batch")
            facts[index] = newValue
        }
    }

    /// The bytes of one, as long as its facts say.
    public func bytes(of index: Int) -> UnsafeRawBufferPointer {
        let length = min(Int(self[index].length), Self.room)
        return UnsafeRawBufferPointer(start: bytes + index * Self.room, count: length)
    }

    /// recvmmsg(2): as many as wait, `most` at most.
    ///
    /// - Returns: their number, 0 where none waits, or less: -errno.
    public mutating func receive(from socket: borrowing Descriptor, most: Int = limit) -> Int {
        let count = linux_receive_datagrams(
            socket.rawValue, batch, bytes, Self.room, Int32(min(most, Self.limit)), facts)
        if count >= 0 { return Int(count) }
        return errno == EAGAIN || errno == EINTR ? 0 : -Int(errno)
    }

    /// sendmmsg(2) of a run of the batch, to their addresses from their local ones, or to the peer of a connected
    /// socket.
    ///
    /// - Returns: how many went, or less than 0: -errno of the first.
    public mutating func send(_ run: Range<Int>, through socket: borrowing Descriptor, connected: Bool) -> Int {
        precondition(run.lowerBound >= 0 && run.upperBound <= Self.limit, "no such places in a batch")
        let count = linux_send_datagrams(
            socket.rawValue, batch, bytes + run.lowerBound * Self.room, Self.room, Int32(run.count),
            facts + run.lowerBound, connected ? 1 : 0)
        return count >= 0 ? Int(count) : -Int(errno)
    }
}

extension Descriptor {
    /// A non-blocking UDP socket of the address's family.
    public static func datagram(for address: SocketAddress) throws(EventLoopError) -> Descriptor {
        try Descriptor(
            adopting: linux_udp_socket(address.family), operation: "open UDP socket for", subject: "\(address)")
    }

    /// - Returns: a non-blocking UDP socket of the family, or -errno.
    public static func openDatagram(family: Int32) -> Int32 {
        let answer = linux_udp_socket(family)
        return answer >= 0 ? answer : -errno
    }

    /// A UDP socket bound to the address; its datagrams tell which address of ours they came to.
    public static func datagramListener(
        on address: SocketAddress, reusePort: Bool = false, freely: Bool = false
    ) throws(EventLoopError) -> Descriptor {
        let socket = try datagram(for: address)
        if freely { try socket.bindFreely(family: address.family) }
        if reusePort { try socket.setOption(SOL_SOCKET, SO_REUSEPORT, 1) }
        guard linux_tell_local_address(socket.rawValue, address.family) == 0 else {
            throw EventLoopError(operation: "ask for local addresses on", subject: "\(address)", errno: errno)
        }
        try socket.bind(to: address)
        return socket
    }
}
