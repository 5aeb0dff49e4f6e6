// SPDX-License-Identifier: Apache-2.0

/// How many octets may still flow one way, on a stream or on the connection (RFC 9113, 5.2 and 6.9).
struct FlowWindow: BitwiseCopyable, Sendable, Equatable {
    static let largest: Int32 = .max
    static let initial: Int32 = 65_535

    /// Below zero after the peer's initial window became smaller (RFC 9113, 6.9.2).
    private(set) var size: Int32

    init(_ size: Int32 = initial) { self.size = size }

    @inline(__always)
    var available: Int { max(0, Int(size)) }

    /// Octets that flowed; false: more than there was.
    @inline(__always)
    mutating func consume(_ count: Int) -> Bool {
        guard count <= available else { return false }
        size &-= Int32(truncatingIfNeeded: count)
        return true
    }

    /// An increment, or the difference of two initial sizes; false: beyond 2^31-1 (RFC 9113, 6.9.1).
    @inline(__always)
    mutating func expand(_ count: Int64) -> Bool {
        let sum = Int64(size) &+ count
        guard sum <= Int64(Self.largest) && sum >= Int64(Int32.min) else { return false }
        size = Int32(truncatingIfNeeded: sum)
        return true
    }
}
