// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Model

/// Next hops as a function of what the kernel said of links, neighbours and routes. A pure value: it is told the time.
struct Resolution {
    /// What is wanted of the kernel after a look at the state.
    struct Outcome {
        var hops: [IPAddress: NextHop] = [:]
        var missing: [IPAddress: MissingNextHop] = [:]
        /// Neighbours that packets need and the kernel does not know: it is to look for them.
        var unknown: Set<NeighbourKey> = []
        /// When to look again though nothing happened; nil for never.
        var reconsider: MonotonicInstant?
    }

    /// How long the last known Ethernet address of a neighbour serves after the kernel lost it. Frames to a dead
    /// neighbour harm nobody; frames that are not sent to a living one do.
    static let patience = Duration.seconds(5)

    private struct Memory {
        var mac: MACAddress
        /// Since when the kernel has no good entry; nil while it has.
        var lostAt: MonotonicInstant?
    }

    private(set) var wanted: Set<IPAddress> = []
    private var links: [UInt32: NetworkLink] = [:]
    private var routes: [IPAddress: RouteAnswer] = [:]
    private var neighbours: [NeighbourKey: Memory] = [:]

    /// What to ask routes for next: all that is wanted and was not asked for yet.
    var unasked: [IPAddress] { wanted.filter { routes[$0] == nil } }

    /// Every neighbour that a wanted address needs, so that it is kept fresh.
    var needed: Set<NeighbourKey> {
        Set(wanted.compactMap { address in routes[address].flatMap { Self.neighbour(of: address, by: $0) } })
    }

    mutating func want(_ addresses: Set<IPAddress>) {
        wanted = addresses
        routes = routes.filter { addresses.contains($0.key) }
    }

    mutating func replace(links list: [NetworkLink]) {
        links = Dictionary(list.map { ($0.interface.index, $0) }, uniquingKeysWith: { $1 })
    }

    mutating func answer(_ answer: RouteAnswer, for address: IPAddress) {
        if wanted.contains(address) { routes[address] = answer }
    }

    /// Wanted addresses that a change of this route may move.
    func affected(by prefix: IPPrefix) -> [IPAddress] { wanted.filter(prefix.contains) }

    /// Takes a whole list: neighbours that are not in it are lost.
    mutating func replace(neighbours list: [Neighbour], at now: MonotonicInstant) {
        let known = Set(list.filter { $0.usable != nil }.map(\.key))
        for key in neighbours.keys where !known.contains(key) { lose(key, at: now) }
        for neighbour in list { appear(neighbour, at: now) }
    }

    /// Takes one event. Answers whether it concerns a wanted address.
    @discardableResult
    mutating func appear(_ neighbour: Neighbour, at now: MonotonicInstant) -> Bool {
        guard let mac = neighbour.usable else {
            lose(neighbour.key, at: now)
            return neighbours[neighbour.key] != nil
        }
        let before = neighbours.updateValue(Memory(mac: mac), forKey: neighbour.key)
        return before?.mac != mac || before?.lostAt != nil
    }

    mutating func lose(_ key: NeighbourKey, at now: MonotonicInstant) {
        if let memory = neighbours[key], memory.lostAt == nil { neighbours[key]?.lostAt = now }
    }

    /// Decides every wanted address, and forgets neighbours that were lost for longer than the patience.
    mutating func outcome(at now: MonotonicInstant) -> Outcome {
        neighbours = neighbours.filter { _, memory in
            memory.lostAt.map { now < $0.advanced(by: Self.patience) } ?? true
        }
        var outcome = Outcome()
        for address in wanted {
            do throws(MissingNextHop) {
                outcome.hops[address] = try hop(to: address, &outcome)
            } catch {
                outcome.missing[address] = error
            }
        }
        return outcome
    }

    private func hop(to address: IPAddress, _ outcome: inout Outcome) throws(MissingNextHop) -> NextHop {
        let route = routes[address] ?? .refused(.noRoute)
        if case .refused(let reason) = route { throw reason }
        guard case .unicast(_, _, let routeMTU) = route, let key = Self.neighbour(of: address, by: route),
            let link = links[key.link]
        else { throw .noRoute }
        let (port, vlan) = try exit(of: link)
        guard let memory = neighbours[key] else {
            outcome.unknown.insert(key)
            throw .noNeighbour(key.address, interface: link.interface.name)
        }
        if let lost = memory.lostAt {
            outcome.unknown.insert(key)
            let deadline = lost.advanced(by: Self.patience)
            outcome.reconsider = min(outcome.reconsider ?? deadline, deadline)
        }
        let mtu = min(routeMTU.map { UInt16(clamping: $0) } ?? .max, link.interface.mtu)
        return NextHop(interface: port, destination: memory.mac, vlan: vlan, mtu: mtu)
    }

    /// The interface that frames leave by, and the tag they get: a VLAN device stands on its parent.
    private func exit(of link: NetworkLink) throws(MissingNextHop) -> (NetworkInterface, UInt16?) {
        let name = link.interface.name
        if link.isLoopback { throw .local }
        guard link.isUp, link.hasCarrier else { throw .linkDown(interface: name) }
        guard link.isEthernet else { throw .notEthernet(interface: name) }
        guard link.kind == "vlan" else { return (link.interface, nil) }
        guard let vlan = link.vlan, let parent = link.parent.flatMap({ links[$0] }), parent.isEthernet,
            parent.kind != "vlan"
        else { throw .notEthernet(interface: name) }
        return (parent.interface, vlan)
    }

    private static func neighbour(of address: IPAddress, by route: RouteAnswer) -> NeighbourKey? {
        guard case .unicast(let link, let gateway, _) = route else { return nil }
        return NeighbourKey(link: link, address: gateway ?? address)
    }
}
