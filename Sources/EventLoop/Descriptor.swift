// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// An open file descriptor with one owner, closed when its owner lets go of it.
public struct Descriptor: ~Copyable, Sendable {
    public let rawValue: Int32

    /// Takes over a descriptor that nobody else closes.
    public init(adopting rawValue: Int32) { self.rawValue = rawValue }

    /// Takes over what a system call answered, or throws its errno.
    public init(
        adopting answer: Int32, operation: String, subject: @autoclosure () -> String
    ) throws(EventLoopError) {
        guard answer >= 0 else {
            throw EventLoopError(operation: operation, subject: subject(), errno: errno)
        }
        self.rawValue = answer
    }

    deinit { close(rawValue) }

    /// Hands the number out; whoever takes it closes it.
    public consuming func release() -> Int32 {
        let answer = rawValue
        discard self
        return answer
    }
}

/// What a read or write on a non-blocking descriptor came to.
public enum Transfer: Hashable, Sendable {
    case bytes(Int)
    case wouldBlock
    /// The other side will send no more.
    case end
}

extension Descriptor {
    /// read(2), repeated when interrupted.
    public func read(into buffer: UnsafeMutableRawBufferPointer) throws(EventLoopError) -> Transfer {
        while true {
            let count = Glibc.read(rawValue, buffer.baseAddress, buffer.count)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .end }
            if errno == EAGAIN { return .wouldBlock }
            if errno != EINTR { throw failure("read") }
        }
    }

    /// send(2) without SIGPIPE, repeated when interrupted.
    public func send(_ bytes: UnsafeRawBufferPointer) throws(EventLoopError) -> Transfer {
        while true {
            let count = linux_send(rawValue, bytes.baseAddress, bytes.count)
            if count >= 0 { return .bytes(count) }
            if errno == EAGAIN { return .wouldBlock }
            if errno != EINTR { throw failure("send") }
        }
    }

    /// The error of this descriptor's last system call.
    func failure(_ operation: String) -> EventLoopError {
        EventLoopError(operation: operation, subject: "descriptor \(rawValue)", errno: errno)
    }
}
