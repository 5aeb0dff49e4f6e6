// SPDX-License-Identifier: Apache-2.0

import Model

/// What probes see of the backends, and whether they could see that one does not decapsulate.
struct HealthChecks {
    let facts: Facts

    var findings: [Finding] {
        (facts.services.value ?? []).flatMap { backends(of: $0) + [blindness(of: $0)].compactMap(\.self) }
    }

    private func backends(of service: Facts.Service) -> [Finding] {
        guard let check = service.check, !service.backends.isEmpty else { return [] }
        if check == .throughTunnel, let held = held(of: service) { return [held] }
        // The want of a next hop is a finding of its own.
        let reached = service.backends.filter { !$0.hasNoWay }
        let found = reached.compactMap { finding($0, of: service, check) }
        guard found.isEmpty, reached.count == service.backends.count else { return found }
        let silent = service.backends.compactMap { backend in
            if case .unknown(let cause) = backend.standing { cause } else { nil }
        }
        if let cause = silent.first {
            let whose = Words.count(silent.count, "backend")
            return [Finding(.health, .note, service.name, "the health of \(whose) is not known: \(cause)")]
        }
        let tried = service.backends.count { $0.standing == .known(.up) }
        let way = check == .throughTunnel ? "through the tunnel" : "on their own addresses"
        let untried = service.backends.count - tried
        return [
            Finding(
                .health, .ok, service.name,
                "\(Words.count(tried, "backend")) up, probed \(way)"
                    + (untried > 0 ? "; \(untried) not probed yet" : ""))
        ]
    }

    private func finding(
        _ backend: Facts.Service.Backend, of service: Facts.Service, _ check: Facts.Service.Check
    ) -> Finding? {
        let subject = "\(service.name)/\(backend.name) (\(backend.address))"
        switch backend.standing {
        case .known(.up), .known(.untried), .unknown: return nil
        case .known(.down(let cause, .answers?)) where check == .throughTunnel:
            return Finding(
                .health, .failure, subject,
                "answers on its own address, not through the tunnel\(cause.map { " (\($0))" } ?? ""): "
                    + (service.forwarding == .l2
                        ? "it does not take packets for the VIP." : "it does not decapsulate."),
                remedy: Decapsulation(service, backend.address, guePort: facts.guePort).remedy)
        case .known(.down(let cause, let own)):
            let told = cause.map { ": \($0)" } ?? ""
            return Finding(
                .health, .warning, subject, "down by this host's probes\(told)\(Self.text(of: own))",
                remedy: ["on that host:  ss -lntu   (does the server run, and listen on its address?)"])
        }
    }

    /// Probes through the tunnel are sent to the VIP, so this host needs a way there, and not to itself.
    private func held(of service: Facts.Service) -> Finding? {
        let vip = service.vip.address
        let prefix = "\(vip)/\(vip.isIPv4 ? 32 : 128)"
        func finding(_ text: String, _ remedy: String...) -> Finding {
            Finding(
                .health, .failure, service.name, "its probes through the tunnel never leave: \(text)", remedy: remedy)
        }
        switch facts.vips.first(where: { $0.address == vip })?.route {
        case .known(.local):
            let place = facts.ownAddresses.first { $0.address == vip }
            return finding(
                "\(vip) is \(place.map { "on \($0.interface) of this host" } ?? "this host's own by a route")",
                place.map { "ip address delete \(vip)/\($0.network.length) dev \($0.interface)" }
                    ?? "ip route delete local \(prefix)",
                "and on the routers:  ip route add \(prefix) via THIS-HOST",
                "or, to keep it here:  health: { through-tunnel: false }")
        case .known(.nowhere):
            return finding(
                "no route of this host leads to \(vip), where they are sent before the tunnel takes them",
                "ip route add \(prefix) via ROUTER   (ip route get \(vip)  shows what is there)")
        case .known(.away), .unknown, nil: return nil
        }
    }

    private static func text(of own: Facts.Service.OwnAnswer?) -> String {
        switch own {
        case nil: ""
        case .answers: "; a connect to its own address succeeds now"
        case .fails(let cause): "; its own address does not answer either (\(cause))"
        }
    }

    private func blindness(of service: Facts.Service) -> Finding? {
        guard Self.needsProof(service.forwarding), !service.backends.isEmpty else { return nil }
        switch service.check {
        case .throughTunnel: return nil
        case .direct:
            return Finding(
                .health, .note, service.name,
                "its probes go to the backends' own addresses: one that takes no packets for the VIP looks healthy",
                remedy: ["health: { through-tunnel: true }"])
        case nil:
            return Finding(
                .health, .note, service.name, "no health check: a dead backend keeps its share of new connections",
                remedy: ["health: { tcp: {}, through-tunnel: true }"])
        }
    }

    private static func needsProof(_ forwarding: Forwarding) -> Bool {
        switch forwarding {
        case .ipip, .gue, .l2: true
        case .local, .sockets: false
        }
    }
}

extension Facts.Service.Backend {
    fileprivate var hasNoWay: Bool {
        if case .known(.none) = way { return true }
        return false
    }
}

/// What a backend has to do for packets that are forwarded to it.
struct Decapsulation {
    let remedy: [String]

    init(_ service: Facts.Service, _ backend: IPAddress, guePort: UInt16) {
        let vip = service.vip.address
        let loopback = "and the VIP:  ip address add \(vip)/\(vip.isIPv4 ? 32 : 128) dev lo"
        let silence = "sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2"
        let device =
            backend.isIPv4
            ? "ip link add ipip0 type ipip external && ip link set ipip0 up && sysctl -w "
                + "net.ipv4.conf.ipip0.rp_filter=0"
            : "ip link add ip6tnl1 type ip6tnl external && ip link set ip6tnl1 up"
                + (vip.isIPv4 ? " && sysctl -w net.ipv4.conf.ip6tnl1.rp_filter=0" : "")
        let bpf = "or run  sluiced decap --interface eth0"
        switch service.forwarding {
        case .ipip: remedy = ["On that host:  \(device)", bpf, loopback]
        case .gue:
            // What comes out of the port is an IP packet in IP, which the tunnel device takes.
            let port = "modprobe fou && ip fou add port \(guePort) gue\(backend.isIPv4 ? "" : " -6")"
            remedy = ["On that host:  \(port)", "and  \(device)", bpf, loopback]
        case .l2: remedy = ["On that host:  \(silence)", loopback]
        case .local, .sockets: remedy = []
        }
    }
}
