// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// What a system call on a non-blocking descriptor came to, as a number: what `Transfer` says, and a failure without
/// the price of an error's text.
public enum Outcome: Hashable, Sendable {
    case bytes(Int)
    case wouldBlock
    /// The other side will send no more.
    case end
    /// errno(3).
    case failed(Int32)

    /// - Parameter zero: what an answer of 0 means.
    @inline(__always)
    init(_ answer: Int, zero: Outcome) {
        if answer > 0 {
            self = .bytes(answer)
        } else if answer == 0 {
            self = zero
        } else {
            self = errno == EAGAIN ? .wouldBlock : .failed(errno)
        }
    }
}

extension Descriptor {
    /// read(2), repeated when interrupted.
    public func take(into buffer: UnsafeMutableRawBufferPointer) -> Outcome {
        while true {
            let outcome = Outcome(Glibc.read(rawValue, buffer.baseAddress, buffer.count), zero: .end)
            if outcome != .failed(EINTR) { return outcome }
        }
    }

    /// send(2) without SIGPIPE, repeated when interrupted.
    public func put(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        while true {
            let outcome = Outcome(linux_send(rawValue, bytes.baseAddress, bytes.count), zero: .bytes(0))
            if outcome != .failed(EINTR) { return outcome }
        }
    }

    /// splice(2) between this descriptor and another, one of which is a pipe; repeated when interrupted. `wouldBlock`
    /// does not say which of the two did.
    public func splice(to other: Int32, most count: Int) -> Outcome {
        while true {
            let outcome = Outcome(linux_splice(rawValue, other, count), zero: .end)
            if outcome != .failed(EINTR) { return outcome }
        }
    }

    /// shutdown(2) for writing: the other side reads the end. It fails only where the connection is gone already, which
    /// the next read tells.
    public func endSending() { _ = Glibc.shutdown(rawValue, Int32(SHUT_WR)) }
}
