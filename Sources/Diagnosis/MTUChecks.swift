// SPDX-License-Identifier: Apache-2.0

import Model

/// What a forwarding puts in front of a packet: `overhead_of` in bpf/encap.h.
struct Encapsulation: Hashable {
    let name: String
    /// Bytes.
    let overhead: Int

    private static let ipv4 = 20
    private static let ipv6 = 40
    /// UDP's header and GUE's.
    private static let gue = 8 + 4

    /// Nil where packets do not leave this host.
    init?(_ forwarding: Forwarding, to backend: IPAddress) {
        let outer = backend.isIPv4 ? Self.ipv4 : Self.ipv6
        let over = backend.isIPv4 ? "" : " over IPv6"
        switch forwarding {
        case .ipip: (name, overhead) = ("IPIP\(over)", outer)
        case .gue: (name, overhead) = ("GUE\(over)", outer + Self.gue)
        case .l2: (name, overhead) = ("L2", 0)
        case .local, .sockets: return nil
        }
    }
}

/// Whether clients' packets fit the way to the backends.
struct MTUChecks {
    let facts: Facts

    private struct Case: Hashable {
        let encapsulation: Encapsulation
        let vipIsIPv4: Bool
        let interface: String
        /// Of the way, bytes of IP.
        let mtu: Int
    }

    var findings: [Finding] {
        guard let most = facts.interfaces.value?.compactMap(\.link?.mtu).max().map(Int.init) else { return [] }
        var seen: Set<Case> = []
        return cases.filter { seen.insert($0).inserted }.map { finding($0, most) }
    }

    /// What clients send at most, unless their whole way takes more. An interface that takes more has room for tunnels.
    private static let ethernet = 1500

    private var cases: [Case] {
        (facts.services.value ?? []).flatMap { service in
            service.backends.compactMap { backend in
                guard let encapsulation = Encapsulation(service.forwarding, to: backend.address),
                    case .known(.hop(let interface, let mtu, _)) = backend.way
                else { return nil }
                return Case(
                    encapsulation: encapsulation, vipIsIPv4: service.vip.address.isIPv4, interface: interface,
                    mtu: Int(mtu))
            }
        }
    }

    /// - Parameter most: bytes that an interface of ours takes of a client.
    private func finding(_ one: Case, _ most: Int) -> Finding {
        let incoming = min(most, Self.ethernet)
        let needed = incoming + one.encapsulation.overhead
        let after = "a client packet of \(incoming) bytes is \(needed) after \(one.encapsulation.name)"
        let left = one.mtu - one.encapsulation.overhead
        if needed <= one.mtu {
            let larger = most > left ? "; for those above \(left), PTB will be sent" : ""
            return Finding(.mtu, .ok, "MTU", "\(after) and fits \(one.interface) (\(one.mtu))\(larger)")
        }
        let least = one.vipIsIPv4 ? Self.leastIPv4 : Self.leastIPv6
        guard left >= least else {
            return Finding(
                .mtu, .failure, "MTU",
                "\(one.interface) takes \(one.mtu) bytes, which leaves \(left) in \(one.encapsulation.name): "
                    + "no \(one.vipIsIPv4 ? "IPv4" : "IPv6") sender has to go below \(least)",
                remedy: ["ip link set dev \(one.interface) mtu \(needed)   here and on the whole fabric"])
        }
        return Finding(
            .mtu, .warning, "MTU", "\(after) and does not fit \(one.interface) (\(one.mtu)). PTB will be sent.",
            remedy: remedy(one, needed, left))
    }

    /// RFC 791 and RFC 8200: what every host must be able to take.
    private static let leastIPv4 = 576
    private static let leastIPv6 = 1280
    private static let tcpHeader = 20

    private func remedy(_ one: Case, _ needed: Int, _ left: Int) -> [String] {
        let segment = left - (one.vipIsIPv4 ? 20 : 40) - Self.tcpHeader
        let advice = "ip route change default via ROUTER advmss \(segment)   on each backend (TCP alone)"
        let link = facts.interfaces.value?.first { $0.name == one.interface }?.link
        guard needed <= Int(link?.mtuMax ?? .max) else { return ["To avoid it:  \(advice)"] }
        return [
            "To avoid it, either  ip link set dev \(one.interface) mtu \(needed)   here and on the whole fabric,",
            "or  \(advice)",
        ]
    }
}
