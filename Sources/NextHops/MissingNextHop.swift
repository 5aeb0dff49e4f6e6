// SPDX-License-Identifier: Apache-2.0

import Model

/// Why an address has no next hop.
public enum MissingNextHop: Error, Hashable, Sendable, CustomStringConvertible {
    /// No route leads there, or one that says 'unreachable'.
    case noRoute
    /// A route swallows or prohibits it.
    case blackhole
    /// It is this host's own.
    case local
    /// Broadcast, multicast or anycast.
    case notUnicast
    /// Nobody answers for the gateway (or for the address itself) on this interface.
    case noNeighbour(IPAddress, interface: String)
    case linkDown(interface: String)
    /// The interface has no Ethernet header, or stacks VLANs more than once.
    case notEthernet(interface: String)

    public var description: String {
        switch self {
        case .noRoute: "no route"
        case .blackhole: "its route is a blackhole"
        case .local: "the address is this host's own"
        case .notUnicast: "the address is not unicast"
        case .noNeighbour(let address, let interface):
            "nobody answers for \(address) on \(interface)"
        case .linkDown(let interface): "\(interface) is down"
        case .notEthernet(let interface): "\(interface) is neither Ethernet nor one VLAN on it"
        }
    }
}
