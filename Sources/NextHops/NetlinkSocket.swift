// SPDX-License-Identifier: Apache-2.0

import CLinux
import EventLoop
import Glibc
import Model

/// A route socket that asks: netlink(7). It belongs to the network namespace of the thread that opened it.
///
/// Answers come from the kernel at once, so asking blocks; a second without an answer is an error.
struct NetlinkSocket: ~Copyable, Sendable {
    private let descriptor: Descriptor
    private var sequence: UInt32 = 0

    init() throws(EventLoopError) {
        descriptor = try Descriptor(adopting: linux_netlink_open(0, 0, 1), operation: "open", subject: "netlink")
    }

    /// Sends a request and gathers its answers, the final acknowledgement or 'done' left out. An errno that the kernel
    /// answers is thrown as the error's errno.
    mutating func ask(_ request: NetlinkRequest) throws(EventLoopError) -> [NetlinkMessage] {
        sequence &+= 1
        let bytes = request.message(sequence: sequence).bytes
        guard linux_netlink_send(descriptor.rawValue, bytes, bytes.count) == bytes.count else {
            throw EventLoopError(operation: request.name, subject: "netlink", errno: errno)
        }
        var answer: [NetlinkMessage] = []
        while true {
            for message in try receive(request.name) where message.sequence == sequence {
                if message.type == UInt16(NLMSG_DONE) { return answer }
                if let failure = message.failure {
                    if failure == 0 { return answer }
                    throw EventLoopError(operation: request.name, subject: "netlink", errno: failure)
                }
                answer.append(message)
                if request.hasOneAnswer { return answer }
            }
        }
    }

    private borrowing func receive(_ operation: String) throws(EventLoopError) -> [NetlinkMessage] {
        let datagram = try descriptor.netlinkDatagram(operation)
        do {
            return try NetlinkMessage.messages(in: datagram ?? [])
        } catch {
            throw EventLoopError(operation: operation, subject: error.description, errno: EBADMSG)
        }
    }
}

extension Descriptor {
    /// Larger than any datagram of the kernel's: dumps are cut to 32 KiB.
    private static let datagramSize = 64 * 1024

    /// The next datagram; nil for one that was not the kernel's. EAGAIN says that none came, ENOBUFS that some were
    /// lost.
    func netlinkDatagram(_ operation: String) throws(EventLoopError) -> [UInt8]? {
        var failure: Int32 = 0
        let datagram = [UInt8](unsafeUninitializedCapacity: Self.datagramSize) { buffer, count in
            var received = linux_netlink_receive(rawValue, buffer.baseAddress, buffer.count)
            while received < 0, errno == EINTR {
                received = linux_netlink_receive(rawValue, buffer.baseAddress, buffer.count)
            }
            if received < 0 { failure = errno }
            // MSG_TRUNC: the whole length, even where the buffer was too small.
            if received > buffer.count { failure = EMSGSIZE }
            count = failure == 0 ? max(received, 0) : 0
        }
        if failure != 0 { throw EventLoopError(operation: operation, subject: "netlink", errno: failure) }
        return datagram.isEmpty ? nil : datagram
    }

    /// The next datagram of events; nil where none waits.
    func netlinkEvent() throws(EventLoopError) -> [UInt8]? {
        do {
            return try netlinkDatagram("read events of")
        } catch {
            if error.errno == EAGAIN { return nil }
            throw error
        }
    }

    /// A non-blocking route socket that hears of links, neighbours and routes.
    static func netlinkEvents() throws(EventLoopError) -> Descriptor {
        let groups = RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE
        return try Descriptor(
            adopting: linux_netlink_open(UInt32(groups), 1, 0), operation: "open", subject: "netlink events")
    }
}
