// SPDX-License-Identifier: Apache-2.0

import Model

/// Who answers for the VIPs, where their packets go that the program passes on, and whether our outer sources are free.
struct AddressChecks {
    let facts: Facts

    var findings: [Finding] { facts.vips.flatMap(answering) + forwarding + facts.sourcePrefixes.compactMap(overlap) }

    // MARK: Who answers

    private func answering(for vip: Facts.VIPAddress) -> [Finding] {
        let asks = vip.address.isIPv4 ? "ARP" : "NDP"
        let others = vip.answers.map { "\($0.hardware) on \($0.interface)\(owner(of: $0.hardware))" }
        switch vip.route {
        case .unknown(let cause):
            return [Finding(.vip, .warning, "\(vip.address)", "its route could not be looked up: \(cause)")]
        case .known(.local): return [local(vip, asks, others)]
        case .known(.away), .known(.nowhere): return [remote(vip, asks, others)]
        }
    }

    private func local(_ vip: Facts.VIPAddress, _ asks: String, _ others: [String]) -> Finding {
        let place = facts.ownAddresses.first { $0.address == vip.address }?.interface
        let here = place.map { "on \($0) of this host" } ?? "this host's own by a route"
        if !others.isEmpty {
            return Finding(
                .vip, .failure, "\(vip.address)",
                "\(here), and \(Words.list(others)) \(others.count == 1 ? "answers" : "answer") \(asks) for it too: "
                    + "neighbours send to whoever was quicker",
                remedy: Self.silence(vip.address, place: "on the other host"))
        }
        if place == "lo", let network = neighbourhood(of: vip.address), vip.address.isIPv4,
            facts.interfaces.value?.contains(where: { $0.name == network.interface && $0.arpIgnore > 0 }) ?? false
        {
            return Finding(
                .vip, .warning, "\(vip.address)",
                "on lo of this host, and arp_ignore keeps \(network.interface) from answering ARP for it, "
                    + "though it lies in \(network.network): neighbours do not find it",
                remedy: ["ip address add \(vip.address)/32 dev \(network.interface)"])
        }
        return Finding(.vip, .ok, "\(vip.address)", "\(here): it answers \(asks) for it")
    }

    private func remote(_ vip: Facts.VIPAddress, _ asks: String, _ others: [String]) -> Finding {
        let network = neighbourhood(of: vip.address)
        if !others.isEmpty {
            return Finding(
                .vip, network == nil ? .warning : .failure, "\(vip.address)",
                "not on this host, and \(Words.list(others)) \(others.count == 1 ? "answers" : "answer") \(asks) for "
                    + "it: "
                    + (network == nil
                        ? "a router that asks for it sends its packets past this host"
                        : "its packets go past this host"),
                remedy: Self.silence(vip.address, place: "on that host"))
        }
        guard let network else {
            return Finding(
                .vip, .ok, "\(vip.address)", "routed to this host: nobody answers \(asks) for it, nor has to")
        }
        return Finding(
            .vip, .warning, "\(vip.address)",
            "lies in \(network.network) of \(network.interface), and is not on this host: its neighbours ask by "
                + "\(asks), "
                + "and nobody answers",
            remedy: Self.invitation(vip.address, network, isProbed: isProbedThroughTunnel(vip.address)))
    }

    /// How its packets come here. Probes through the tunnel need an address that is not this host's own.
    private static func invitation(_ vip: IPAddress, _ network: Facts.OwnAddress, isProbed: Bool) -> [String] {
        let prefix = "\(vip)/\(vip.isIPv4 ? 32 : 128)"
        let route = "on the routers:  ip route add \(prefix) via \(network.address)"
        return isProbed ? [route] : ["ip address add \(prefix) dev \(network.interface)", "or \(route)"]
    }

    private func isProbedThroughTunnel(_ vip: IPAddress) -> Bool {
        facts.services.value?.contains { $0.vip.address == vip && $0.check == .throughTunnel } ?? false
    }

    /// For the host that answers and should not.
    private static func silence(_ address: IPAddress, place: String) -> [String] {
        address.isIPv4
            ? ["\(place):  sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2"]
            : ["\(place):  ip address change \(address)/128 dev lo   (an address of the loopback is not announced)"]
    }

    /// Where the address could be reached without a router.
    private func neighbourhood(of address: IPAddress) -> Facts.OwnAddress? {
        facts.ownAddresses.first { own in
            own.interface != "lo" && own.network.length < (own.address.isIPv4 ? 32 : 128)
                && own.network.contains(address)
        }
    }

    /// ` (web/web2, or its router)`.
    private func owner(of hardware: MACAddress) -> String {
        for service in facts.services.value ?? [] {
            for backend in service.backends {
                if case .known(.hop(_, _, hardware)) = backend.way {
                    return " (\(service.name)/\(backend.name), or its router)"
                }
            }
        }
        return ""
    }

    // MARK: Loops

    private var forwarding: [Finding] {
        guard !facts.vips.isEmpty else { return [] }
        return [
            loops(facts.forwards4, "ip_forward", "net/ipv4/ip_forward", facts.vips.filter(\.address.isIPv4)),
            loops(
                facts.forwards6, "IPv6 forwarding", "net/ipv6/conf/all/forwarding",
                facts.vips.filter { !$0.address.isIPv4 }),
        ].compactMap(\.self)
    }

    private func loops(
        _ forwards: Reading<Bool>, _ subject: String, _ setting: String, _ vips: [Facts.VIPAddress]
    ) -> Finding? {
        guard !vips.isEmpty else { return nil }
        switch forwards {
        case .unknown(let cause): return Finding(.forwarding, .warning, subject, "could not be read: \(cause)")
        case .known(false):
            return Finding(.forwarding, .ok, subject, "off: packets for a VIP that the program passes on end here")
        case .known(true):
            let away = vips.filter { $0.route == .known(.away) }.map(\.address)
            guard !away.isEmpty else {
                return Finding(.forwarding, .ok, subject, "on, and no route leads packets for a VIP away from here")
            }
            return Finding(
                .forwarding, .warning, subject,
                "on, and \(Words.list(away.map(\.description))) \(away.count == 1 ? "is" : "are") not on this host: "
                    + "what the "
                    + "program passes on (ports without a service, other protocols) goes back to the router, again "
                    + "and again",
                remedy: end(of: away, Sysctl.command(setting, 0)))
        }
    }

    private func end(of vips: [IPAddress], _ command: String) -> [String] {
        let blackholes = vips.prefix(5).map { "ip route add blackhole \($0)/\($0.isIPv4 ? 32 : 128)" }
        guard vips.contains(where: isProbedThroughTunnel) else {
            return blackholes + ["or, if this host is no router:  \(command)"]
        }
        return [
            "if this host is no router:  \(command)",
            "or, with  health: { through-tunnel: false }  (probes need a way to the VIP):",
        ] + blackholes
    }

    // MARK: Outer sources

    /// Packets from our own outer prefix are a loop, so nobody else may live there.
    private func overlap(_ prefix: IPPrefix) -> Finding? {
        let within = facts.ownAddresses.first { prefix.contains($0.address) || $0.network.contains(prefix) }
        if let within {
            return Finding(
                .sourcePrefix, .failure, "source prefix \(prefix)",
                "\(within.network) of \(within.interface) overlaps with it, and the program drops what comes from it",
                remedy: ["choose one that nobody uses: datapath: { source-prefix\(prefix.isIPv4 ? "" : "6"): ... }"])
        }
        let backend = facts.services.value?.lazy.flatMap(\.backends).first { prefix.contains($0.address) }
        guard let backend else { return nil }
        return Finding(
            .sourcePrefix, .failure, "source prefix \(prefix)",
            "backend \(backend.name) (\(backend.address)) lies in it: outer packets could come from its own address",
            remedy: ["choose one that nobody uses: datapath: { source-prefix\(prefix.isIPv4 ? "" : "6"): ... }"])
    }
}

extension IPPrefix {
    /// A default route is no neighbourhood, and neither is a network without length.
    fileprivate func contains(_ other: IPPrefix) -> Bool {
        length > 0 && length <= other.length && contains(other.address)
    }
}
