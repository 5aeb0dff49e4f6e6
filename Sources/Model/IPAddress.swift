// SPDX-License-Identifier: Apache-2.0

import CDataplane

/// An IPv4 or IPv6 address: 128 bits, an IPv4 address as the v4-mapped `::ffff:a.b.c.d`.
///
/// Ordered as a number, so that sorting is the same on every host.
public struct IPAddress: Hashable, Sendable {
    /// The first and the last eight bytes as numbers: `2001:db8::1` has high `0x20010db8_00000000` and low 1.
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// An IPv4 address by its 32 bits, the first octet the highest.
    public init(v4 bits: UInt32) {
        self.init(high: 0, low: 0xffff_0000_0000 | UInt64(bits))
    }

    public var isIPv4: Bool { high == 0 && low >> 32 == 0xffff }

    /// The 32 bits of an IPv4 address; meaningless for others.
    public var v4Bits: UInt32 { UInt32(truncatingIfNeeded: low) }

    /// Sixteen bytes in network order.
    public var bytes: [UInt8] {
        (0..<16).map { index in
            UInt8(truncatingIfNeeded: (index < 8 ? high : low) >> UInt64(56 - 8 * (index % 8)))
        }
    }
}

extension IPAddress: Comparable {
    public static func < (one: IPAddress, other: IPAddress) -> Bool {
        (one.high, one.low) < (other.high, other.low)
    }
}
