// SPDX-License-Identifier: Apache-2.0

import Model

/// Whether there is a way to each backend.
struct NextHopChecks {
    let facts: Facts

    var findings: [Finding] {
        guard case .known(let services) = facts.services else {
            if case .unknown(let cause) = facts.services {
                return [Finding(.nextHop, .warning, "services", "could not be read: \(cause)")]
            }
            return []
        }
        let unread = services.flatMap { service in service.backends.compactMap { unknown($0, of: service) } }
        let troubles = services.flatMap(missing) + unread
        let ways = services.flatMap(\.backends).compactMap(\.way)
        guard troubles.isEmpty, !ways.isEmpty else { return troubles }
        return [Finding(.nextHop, .ok, "next hops", "known for \(Words.count(ways.count, "backend"))")]
    }

    private func unknown(_ backend: Facts.Service.Backend, of service: Facts.Service) -> Finding? {
        guard case .unknown(let cause) = backend.way else { return nil }
        return Finding(
            .nextHop, .warning, "\(service.name)/\(backend.name) (\(backend.address))",
            "its next hop could not be looked up: \(cause)")
    }

    /// A route a backend, of the first ones; what is said of a neighbour or a link is the same for all of them.
    private func remedies(_ reason: Facts.NoWay, _ lost: [Facts.Service.Backend]) -> [String] {
        lost.prefix(5).map { reason.remedy(for: $0.address) }
            .reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    /// A finding a reason: what a router's silence does to a hundred backends is said once.
    private func missing(of service: Facts.Service) -> [Finding] {
        var reasons: [Facts.NoWay] = []
        var backends: [Facts.NoWay: [Facts.Service.Backend]] = [:]
        for backend in service.backends {
            guard case .known(.none(let reason)) = backend.way else { continue }
            if backends[reason] == nil { reasons.append(reason) }
            backends[reason, default: []].append(backend)
        }
        return reasons.compactMap { reason in
            guard let lost = backends[reason], let first = lost.first else { return nil }
            let subject =
                lost.count == 1
                ? "\(service.name)/\(first.name) (\(first.address))"
                : "\(service.name)/\(Words.list(lost.map(\.name)))"
            return Finding(
                .nextHop, .failure, subject,
                "no next hop, so \(lost.count == 1 ? "its" : "their") packets are dropped: \(reason.sentence)",
                remedy: remedies(reason, lost))
        }
    }
}

extension Facts.NoWay {
    fileprivate var sentence: String {
        switch self {
        case .noRoute: "no route leads there"
        case .blackhole: "its route is a blackhole"
        case .local: "the address is this host's own"
        case .notUnicast: "the address is not unicast"
        case .noNeighbour(let address, let interface): "nobody answers for \(address) on \(interface)"
        case .linkDown(let interface): "\(interface) is down"
        case .notEthernet(let interface): "\(interface) is neither Ethernet nor one VLAN on it"
        }
    }

    fileprivate func remedy(for address: IPAddress) -> String {
        switch self {
        case .noRoute: "ip route add \(address) via ROUTER"
        case .blackhole: "ip route show match \(address)   shows it, ip route delete ... removes it"
        case .local: "forward: local   sends a service's packets to this host's own sockets"
        case .notUnicast: "mend its address in the services document"
        case .noNeighbour(let neighbour, let interface):
            "ping -c 3 -I \(interface) \(neighbour); ip neighbour show to \(neighbour)   (is it up, and on this "
                + "network?)"
        case .linkDown(let interface): "ip link set dev \(interface) up   (if it is: cable, other end)"
        case .notEthernet: "ip route get \(address)   shows the way; give it one by an Ethernet interface"
        }
    }
}
