// SPDX-License-Identifier: Apache-2.0

// How the other values read and are written: strictly, and each as `description` writes it.

extension IPPrefix: LosslessStringConvertible {
    /// Reads `10.0.0.0/8` or `2001:db8::/32`. Nil for anything else, for host bits that are not zero, and for an IPv4
    /// prefix in IPv6 letters, whose length would be ambiguous.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(String(parts[0])),
            let length = Numerals.decimal(parts[1], max: 128),
            address.isIPv4 == !parts[0].utf8.contains(UInt8(ascii: ":"))
        else { return nil }
        self.init(address, length: Int(length))
        guard self.address == address else { return nil }
    }

    public var description: String { "\(address)/\(length)" }
}

extension MACAddress: LosslessStringConvertible {
    /// Reads six pairs of hexadecimal digits between colons: `02:00:5e:10:00:01`. Nil for anything else.
    public init?(_ text: String) {
        let words = text.split(separator: ":", omittingEmptySubsequences: false)
        guard words.count == 6 else { return nil }
        var bits: UInt64 = 0
        for word in words {
            guard let byte = Numerals.hexadecimal(word, digits: 2...2) else { return nil }
            bits = bits << 8 | byte
        }
        self.init(bits: bits)
    }

    public var description: String {
        bytes.map { Numerals.hexadecimal(UInt64($0), digits: 2) }.joined(separator: ":")
    }
}

extension TransportProtocol: LosslessStringConvertible {
    /// Reads `tcp` or `udp`. Nil for anything else.
    public init?(_ text: String) {
        guard let transport = Self.allCases.first(where: { $0.description == text }) else { return nil }
        self = transport
    }

    public var description: String {
        switch self {
        case .tcp: "tcp"
        case .udp: "udp"
        }
    }
}

extension VIP: LosslessStringConvertible {
    /// Reads `192.0.2.10:443/tcp`, `[2001:db8::1]:53/udp` or, for all ports, `192.0.2.10:any/tcp`. Nil for anything
    /// else.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let transport = TransportProtocol(String(parts[1])),
            let colon = parts[0].lastIndex(of: ":")
        else { return nil }
        var host = parts[0][..<colon]
        let bracketed = host.first == "[" && host.last == "]" && host.count > 1
        if bracketed { host = host.dropFirst().dropLast() }
        let port = parts[0][parts[0].index(after: colon)...]
        guard let address = IPAddress(String(host)), address.isIPv4 == !bracketed,
            let number = port == "any" ? 0 : Numerals.decimal(port, max: 65535), number > 0 || port == "any"
        else { return nil }
        self.init(address: address, port: UInt16(number), transport: transport)
    }

    public var description: String {
        let host = address.isIPv4 ? address.description : "[\(address)]"
        return "\(host):\(port == 0 ? "any" : String(port))/\(transport)"
    }
}
