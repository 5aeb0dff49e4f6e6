// SPDX-License-Identifier: Apache-2.0

import Model

extension Reader {
    func address() -> IPAddress? {
        guard case .text(let text) = kind, let address = IPAddress(text) else {
            expected("an IP address")
            return nil
        }
        return address
    }

    /// The address of one host that packets can be sent to: a VIP's or a backend's.
    func hostAddress() -> IPAddress? {
        guard let address = address() else { return nil }
        if let kind = AddressKind(unusable: address) {
            problem("\(address) is \(kind.rawValue)")
            return nil
        }
        return address
    }

    /// A prefix with its host bits zero.
    func prefix() -> IPPrefix? {
        guard case .text(let text) = kind else {
            expected("a prefix such as 10.0.0.0/8")
            return nil
        }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(String(parts[0])) else {
            expected("a prefix such as 10.0.0.0/8")
            return nil
        }
        let bits = address.isIPv4 ? 32 : 128
        guard parts.count == 2 else {
            expected("a prefix", hint: "; did you mean '\(address)/\(bits)'?")
            return nil
        }
        guard let length = Int(parts[1]), String(length) == parts[1], let prefix = IPPrefix(address, length: length)
        else {
            expected("a prefix length from 0 to \(bits)")
            return nil
        }
        guard prefix.address == address else {
            problem("\(address)/\(length) has host bits set; did you mean '\(prefix.address)/\(length)'?")
            return nil
        }
        return prefix
    }

    /// A prefix that outer sources are taken from: of one family, its length within bounds.
    func sourcePrefix(isIPv4: Bool, lengths: ClosedRange<Int>) -> IPPrefix? {
        guard let prefix = prefix() else { return nil }
        guard prefix.isIPv4 == isIPv4, lengths ~= prefix.length else {
            expected("an \(Family(isIPv4: isIPv4)) prefix of \(lengths.lowerBound) to \(lengths.upperBound) bits")
            return nil
        }
        return prefix
    }
}

/// The two kinds of addresses, for messages.
enum Family: String, CustomStringConvertible {
    case ipv4 = "IPv4"
    case ipv6 = "IPv6"

    init(isIPv4: Bool) { self = isIPv4 ? .ipv4 : .ipv6 }
    init(_ address: IPAddress) { self.init(isIPv4: address.isIPv4) }

    var description: String { rawValue }
}

/// Addresses that name no single host beyond this one.
private enum AddressKind: String {
    case unspecified = "the unspecified address"
    case loopback = "a loopback address"
    case multicast = "a multicast address"
    case broadcast = "the broadcast address"
    case linkLocal = "a link-local address, which says nothing without its interface"

    init?(unusable address: IPAddress) {
        guard let kind = address.isIPv4 ? AddressKind(v4: address.v4Bits) : AddressKind(v6: address) else { return nil }
        self = kind
    }

    private init?(v4 bits: UInt32) {
        switch bits >> 24 {
        case 0: self = .unspecified
        case 127: self = .loopback
        case 224...239: self = .multicast
        case 255 where bits == .max: self = .broadcast
        default: return nil
        }
    }

    private init?(v6 address: IPAddress) {
        if address.high == 0 && address.low <= 1 {
            self = address.low == 0 ? .unspecified : .loopback
        } else if address.high >> 56 == 0xff {
            self = .multicast
        } else if address.high >> 54 == 0xfe80 >> 6 {
            self = .linkLocal
        } else {
            return nil
        }
    }
}
