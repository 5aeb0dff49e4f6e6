// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// One receiver of the events of many descriptors, which it tells apart by tokens of its own.
///
/// A registration costs a closure a descriptor; a sink is made once, and a descriptor more costs it a system call.
public struct SinkID: Hashable, Sendable {
    let index: UInt8

    /// Tells a sink's events from a registration's.
    static let mark: UInt64 = 1 << 63
    private static let shift: UInt64 = 56

    /// Bits of a token that are the sink's own.
    public static let tokenBits = 56

    /// As epoll carries it. Never all ones, which is the loop's wake-up.
    func carried(_ token: UInt64) -> UInt64 {
        Self.mark | UInt64(index) << Self.shift | token & (1 << Self.shift - 1)
    }

    static func index(of carried: UInt64) -> Int { Int(carried >> shift & 0x7f) }
    static func token(of carried: UInt64) -> UInt64 { carried & (1 << shift - 1) }

    /// One less than fits: see `carried`.
    static let limit = 127
}

// MARK: Sinks, on the loop's thread

extension EventLoop {
    /// Calls `handler` on the loop's thread for each event of the descriptors that are watched for this sink.
    ///
    /// - Throws: ENOSPC beyond 127 of them.
    public func sink(_ handler: @escaping (_ token: UInt64, Readiness) -> Void) throws(EventLoopError) -> SinkID {
        assertCurrent()
        guard sinks.count < SinkID.limit else {
            throw EventLoopError(operation: "add a sink to loop", subject: name, errno: ENOSPC)
        }
        sinks.append(handler)
        return SinkID(index: UInt8(sinks.count - 1))
    }

    /// No event reaches it any more. Its number is not given again.
    public func remove(_ sink: SinkID) {
        assertCurrent()
        sinks[Int(sink.index)] = nil
    }

    /// Watches a descriptor until it is closed, which needs no further call. An event that was fetched before the close
    /// still comes: the token must tell that its descriptor is gone.
    ///
    /// - Parameter token: below 2^56.
    /// - Returns: 0, or epoll_ctl(2)'s errno.
    public func watch(_ descriptor: Int32, for interest: Readiness, sink: SinkID, token: UInt64) -> Int32 {
        let answer = linux_epoll_control(
            epoll.rawValue, EPOLL_CTL_ADD, descriptor, interest.rawValue, sink.carried(token))
        return answer == 0 ? 0 : errno
    }

    /// Asks for something else from now on.
    public func rewatch(_ descriptor: Int32, for interest: Readiness, sink: SinkID, token: UInt64) -> Int32 {
        let answer = linux_epoll_control(
            epoll.rawValue, EPOLL_CTL_MOD, descriptor, interest.rawValue, sink.carried(token))
        return answer == 0 ? 0 : errno
    }

    /// Watches it no more. Needed before a close where another process has the same socket, as epoll watches sockets and
    /// not numbers.
    public func unwatch(_ descriptor: Int32) {
        // It fails only for one that is not watched.
        _ = linux_epoll_control(epoll.rawValue, EPOLL_CTL_DEL, descriptor, 0, 0)
    }

    func deliver(_ carried: UInt64, _ readiness: Readiness) {
        let index = SinkID.index(of: carried)
        guard index < sinks.count, let handler = sinks[index] else { return }
        handler(SinkID.token(of: carried), readiness)
    }
}
