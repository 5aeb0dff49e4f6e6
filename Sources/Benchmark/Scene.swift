// SPDX-License-Identifier: Apache-2.0

import Model

/// A fleet that cases are measured in; the program is made for it as a host's own is made for what it serves.
enum Scene: Hashable, Sendable, CaseIterable {
    /// IPv4 alone, IPIP: 128 web services, one for UDP, one whose backends have just been replaced.
    case ipv4
    /// IPv6 beside IPv4.
    case ipv6
    /// GUE beside IPIP.
    case gue
    /// A service with a list of denied clients.
    case accessList

    static let webServices = 128
    private static let backends = 10

    static let web = vip4(0x0a01_0000, 443, .tcp)
    static let dns = vip4(0x0a02_0000, 53, .udp)
    static let moving = vip4(0x0a02_0001, 443, .tcp)
    static let encapsulated = vip4(0x0a02_0002, 443, .tcp)
    static let guarded = vip4(0x0a02_0003, 443, .tcp)
    static let six = VIP(
        address: IPAddress(high: 0x2001_0db8_0001_0000, low: 1), port: 443, transport: .tcp)
    /// No service has it.
    static let nobody = vip4(0x0a03_0000, 443, .tcp)

    /// What is desired, one after the other.
    var states: [DesiredState] {
        let webs = BenchFleet.webs(Self.webServices, backends: Self.backends)
        switch self {
        case .ipv4:
            let dns = entry("dns", Self.dns)
            return [0, 1].map { DesiredState(entries: webs + [dns, entry("moving", Self.moving, batch: $0)]) }
        case .ipv6: return [DesiredState(entries: webs + [entry("six", Self.six)])]
        case .gue: return [DesiredState(entries: webs + [entry("gue", Self.encapsulated, .gue)])]
        case .accessList: return [DesiredState(entries: webs + [entry("guarded", Self.guarded, deny: Self.denied)])]
        }
    }

    private func entry(
        _ name: String, _ vip: VIP, _ forwarding: Forwarding = .ipip, batch: Int = 0, deny: [IPPrefix] = []
    ) -> DesiredState.Entry {
        BenchFleet.entry(
            name, vip, forwarding: forwarding, backends: Self.backends, number: Self.webServices, batch: batch,
            deny: deny)
    }

    /// 64 prefixes of 16 bits from 198.0.0.0 on, none of which the clients are in.
    private static let denied: [IPPrefix] = (0..<64).compactMap { index in
        IPPrefix(IPAddress(v4: 0xc600_0000 + UInt32(index) << 16), length: 16)
    }

    private static func vip4(_ address: UInt32, _ port: UInt16, _ transport: TransportProtocol) -> VIP {
        VIP(address: IPAddress(v4: address), port: port, transport: transport)
    }
}
