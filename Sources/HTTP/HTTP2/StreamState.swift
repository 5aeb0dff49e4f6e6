// SPDX-License-Identifier: Apache-2.0

/// A stream's state (RFC 9113, 5.1). There are no reserved ones: neither side of ours takes or makes pushes.
enum StreamState: UInt8, Sendable {
    case idle, open, halfClosedLocal, halfClosedRemote, closed

    /// Whether the peer may send a head, content or trailers.
    @inline(__always)
    var mayReceive: Bool { self == .open || self == .halfClosedLocal }

    /// Whether we may.
    @inline(__always)
    var maySend: Bool { self == .open || self == .halfClosedRemote }

    /// A head begins it, from either side.
    mutating func begin() {
        precondition(self == .idle)
        self = .open
    }

    /// The peer's END_STREAM.
    @inline(__always)
    mutating func receivedEnd() {
        precondition(mayReceive)
        self = self == .open ? .halfClosedRemote : .closed
    }

    /// Ours.
    @inline(__always)
    mutating func sentEnd() {
        precondition(maySend)
        self = self == .open ? .halfClosedLocal : .closed
    }

    /// RST_STREAM of either side.
    mutating func reset() { self = .closed }
}
