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
        let missing = services.flatMap { service in service.backends.compactMap { finding($0, of: service) } }
        let ways = services.flatMap(\.backends).compactMap(\.way)
        guard missing.isEmpty, !ways.isEmpty else { return missing }
        return [Finding(.nextHop, .ok, "next hops", "known for \(Words.count(ways.count, "backend"))") ]
    }

    private func finding(_ backend: Facts.Service.Backend, of service: Facts.Service) -> Finding? {
        let subject = "\(service.name)/\(backend.name) (\(backend.address))"
        switch backend.way {
        case nil, .known(.hop): return nil
        case .unknown(let cause):
            return Finding(.nextHop, .warning, subject, "its next hop could not be looked up: \(cause)")
        case .known(.none(let reason)):
            return Finding(
                .nextHop, .failure, subject, "no next hop, so its packets are dropped: \(reason.sentence)",
                remedy: [reason.remedy(for: backend.address)])
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
            "ping -c 3 -I \(interface) \(neighbour); ip neighbour show to \(neighbour)   (is it up, and on this network?)"
        case .linkDown(let interface): "ip link set dev \(interface) up   (if it is: cable, other end)"
        case .notEthernet: "ip route get \(address)   shows the way; give it one by an Ethernet interface"
        }
    }
}
