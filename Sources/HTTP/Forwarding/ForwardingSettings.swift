// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// What backends are told of the client, and which clients may say it themselves.
public struct ForwardingSettings: Sendable, Hashable {
    public enum Fields: String, Sendable, CaseIterable {
        case none
        /// X-Forwarded-For and X-Forwarded-Proto.
        case xForwarded
        /// Forwarded (RFC 7239).
        case standard
        case both

        var hasOld: Bool { self == .xForwarded || self == .both }
        var hasStandard: Bool { self == .standard || self == .both }
    }

    /// Of addresses as 128 bits, an IPv4 address v4-mapped.
    public struct Prefix: Sendable, Hashable, BitwiseCopyable {
        let high: UInt64
        let low: UInt64
        let highMask: UInt64
        let lowMask: UInt64

        /// - Parameter length: 0...128.
        public init(high: UInt64, low: UInt64, length: Int) {
            highMask = length >= 64 ? .max : ~(UInt64.max >> UInt64(max(0, length)))
            lowMask = length >= 128 ? .max : length <= 64 ? 0 : ~(UInt64.max >> UInt64(length - 64))
            self.high = high & highMask
            self.low = low & lowMask
        }

        func contains(_ address: SocketAddress) -> Bool {
            address.high & highMask == high && address.low & lowMask == low
        }
    }

    public var fields: Fields
    /// Proxies in front of us: what they say is kept, and added to. From all others it is taken out.
    public var trusted: [Prefix]

    public init(fields: Fields = .none, trusted: [Prefix] = []) {
        self.fields = fields
        self.trusted = trusted
    }
}
