// SPDX-License-Identifier: Apache-2.0

/// A prefix of addresses, host bits zero. The length of an IPv4 prefix counts its own 32 bits.
public struct IPPrefix: Hashable, Sendable {
    public let address: IPAddress
    /// 0...32 for IPv4, 0...128 for IPv6.
    public let length: Int

    /// Nil where the length is out of range; host bits are cleared.
    public init?(_ address: IPAddress, length: Int) {
        guard (0...(address.isIPv4 ? 32 : 128)).contains(length) else { return nil }
        let bits = address.isIPv4 ? length + 96 : length
        let highMask: UInt64 = bits >= 64 ? .max : ~(UInt64.max >> UInt64(bits))
        let lowMask: UInt64 = bits >= 128 ? .max : bits <= 64 ? 0 : ~(UInt64.max >> UInt64(bits - 64))
        self.address = IPAddress(high: address.high & highMask, low: address.low & lowMask)
        self.length = length
    }

    public var isIPv4: Bool { address.isIPv4 }

    /// The length over the v4-mapped 128 bits.
    public var mappedLength: Int { isIPv4 ? length + 96 : length }

    public func contains(_ other: IPAddress) -> Bool {
        other.isIPv4 == isIPv4 && IPPrefix(other, length: length)?.address == address
    }
}

extension IPPrefix: Comparable {
    public static func < (one: IPPrefix, other: IPPrefix) -> Bool {
        (one.address, one.length) < (other.address, other.length)
    }
}
