// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport
import Testing

@testable import EventLoop

struct PacketSocketTests {
    private static func pair() throws -> [Int32] {
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
        return ends
    }

    /// One packet with these descriptors: sendmsg(2), cmsg(3).
    private static func send(_ descriptors: [Int32], by socket: Int32) -> Int {
        var byte: UInt8 = 1
        let length = MemoryLayout<cmsghdr>.size + 4 * descriptors.count
        let control = UnsafeMutableRawBufferPointer.allocate(byteCount: (length + 7) & ~7, alignment: 8)
        defer { control.deallocate() }
        control.storeBytes(of: UInt(length), as: UInt.self)
        control.storeBytes(of: SOL_SOCKET, toByteOffset: 8, as: Int32.self)
        control.storeBytes(of: 1, toByteOffset: 12, as: Int32.self)  // SCM_RIGHTS
        for (index, number) in descriptors.enumerated() {
            control.storeBytes(of: number, toByteOffset: MemoryLayout<cmsghdr>.size + 4 * index, as: Int32.self)
        }
        return withUnsafeMutablePointer(to: &byte) { byte in
            var vector = iovec(iov_base: byte, iov_len: 1)
            return withUnsafeMutablePointer(to: &vector) { vector in
                var message = msghdr()
                message.msg_iov = vector
                message.msg_iovlen = 1
                message.msg_control = control.baseAddress
                message.msg_controllen = control.count
                return sendmsg(socket, &message, 0)
            }
        }
    }

    @Test(arguments: [2, 3, 40])
    func `descriptors that nobody asked for are closed`(count: Int) throws {
        let ends = try Self.pair()
        let socket = PacketSocket(adopting: Descriptor(adopting: ends[0]))
        let other = ends[1]
        defer { close(other) }
        var pipe: [Int32] = [-1, -1]
        try #require(Glibc.pipe(&pipe) == 0)
        defer { close(pipe[0]) }
        #expect(Self.send([Int32](repeating: pipe[1], count: count), by: other) == 1)
        close(pipe[1])
        #expect(throws: EventLoopError.self) { _ = try socket.receive() }
        // The end of the pipe is seen only when nobody has its other end any more.
        try #require(fcntl(pipe[0], F_SETFL, O_NONBLOCK) == 0)
        var byte: UInt8 = 0
        #expect(read(pipe[0], &byte, 1) == 0)
    }

    @Test func `a packet says who sent it`() throws {
        let ends = try Self.pair()
        let socket = PacketSocket(adopting: Descriptor(adopting: ends[0]))
        let other = ends[1]
        defer { close(other) }
        try socket.nameSenders()
        #expect(Self.send([other], by: other) == 1)
        var sender: Packet.Sender?
        if let packet = try socket.receive() { sender = packet.sender }
        #expect(sender == .init(process: getpid(), user: getuid()))
    }

    @Test func `what is no file is not read`() throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { close(ends[1]) }
        let end = Descriptor(adopting: ends[0])
        #expect(throws: EventLoopError.self) { _ = try end.contents(most: 1 << 20) }
    }
}
