// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Model

/// All services of a generation as one host relays them: which backend takes a new flow. Immutable: a change is another
/// table, put in force in one step.
public struct RelayTable: Sendable {
    public let services: [VIP: RelayService]
    /// Backends whose connections live on: draining ones too, but not those that are gone or rehashed. By id.
    private let keeping: [Bool]

    /// - Parameters:
    ///   - down: the backends that this host's probes see down.
    ///   - policy: of each service.
    ///   - old: the table in force, whose lookup tables serve again where their members stayed.
    public init(
        _ generation: Generation, down: Set<BackendID> = [], old: RelayTable? = nil,
        policy: (PlacedService) -> RelayPolicy = { _ in RelayPolicy() }
    ) {
        self.init(
            generation.services.map { (placed: $0, seed: $0.flowSeed(of: generation.seed)) }, down: down, old: old,
            policy: policy)
    }

    /// Of services whose flow hashes' seeds are known, as whoever has not the generation's own knows them.
    public init(
        _ seeded: [(placed: PlacedService, seed: UInt64)], down: Set<BackendID> = [], old: RelayTable? = nil,
        policy: (PlacedService) -> RelayPolicy = { _ in RelayPolicy() }
    ) {
        var services: [VIP: RelayService] = [:]
        var keeping = [Bool](repeating: false, count: Int(UInt16.max) + 1)
        for (placed, seed) in seeded {
            let vip = placed.service.vip
            services[vip] = RelayService(
                placed, seed: seed, down: down, policy: policy(placed), old: old?.services[vip])
            for backend in placed.backends { keeping[Int(backend.id.rawValue)] = true }
            for id in placed.rehashed(down: down) { keeping[Int(id.rawValue)] = false }
        }
        self.services = services
        self.keeping = keeping
    }

    /// No service at all.
    public static var empty: RelayTable { RelayTable(Generation(epoch: 0, number: 0, seed: 0)) }

    /// Whether the backend's connections live on.
    public func keeps(_ backend: BackendID) -> Bool { keeping[Int(backend.rawValue)] }
}

/// A backend as sockets reach it.
public struct RelayBackend: Hashable, Sendable {
    public let id: BackendID
    public let name: String
    public let address: SocketAddress
}

/// One service of a table. A class, so that a connection keeps the one that it was accepted by with one word.
public final class RelayService: Sendable {
    /// Backends that are tried for one connection at most.
    public static let attemptsMax = 8

    public let id: ServiceID
    public let name: String
    public let vip: VIP
    public let policy: RelayPolicy
    public let backends: [RelayBackend]
    let flowKey: FlowKey
    let seed: UInt64
    let udpIdle: Duration
    private let size: TableSize
    private let members: [TableMember]
    /// Places in `backends`, one more than they are; 0: none.
    private let slots: [UInt16]
    private let allow: [IPPrefix]
    private let deny: [IPPrefix]

    /// - Parameter seed: of its flow hash.
    init(_ placed: PlacedService, seed: UInt64, down: Set<BackendID>, policy: RelayPolicy, old: RelayService?) {
        let service = placed.service
        (id, name, vip) = (placed.id, service.name, service.vip)
        (self.policy, self.seed) = (policy, seed)
        (flowKey, udpIdle, size) = (service.flowKey, service.udpIdle, service.tableSize)
        (allow, deny) = (service.allow, service.deny)
        // Under a tunnel the backend serves the VIP's port; its own is its probes'.
        let backends = placed.backends.map { placed in
            let backend = placed.backend
            return RelayBackend(
                id: placed.id, name: backend.name,
                address: SocketAddress(
                    high: backend.address.high, low: backend.address.low,
                    port: service.forwarding == .sockets ? backend.port : service.vip.port))
        }
        self.backends = backends
        members = placed.activeMembers(less: down).members
        if let old, old.members == members, old.size == size, old.backends.map(\.id) == backends.map(\.id) {
            slots = old.slots
        } else {
            slots = Self.slots(of: members, size: size, backends: backends)
        }
    }

    private static func slots(of members: [TableMember], size: TableSize, backends: [RelayBackend]) -> [UInt16] {
        var places = [UInt16](repeating: 0, count: Int(UInt16.max) + 1)
        for (index, backend) in backends.enumerated() { places[Int(backend.id.rawValue)] = UInt16(index + 1) }
        return LookupTable.slots(of: members, size: size).map { places[Int($0)] }
    }

    /// A client's flow to the service, by the hash of the packet path.
    public func flow(from client: SocketAddress) -> Flow {
        Flow(
            client: IPAddress(high: client.high, low: client.low), clientPort: client.port, vipPort: vip.port,
            isAnyPort: vip.port == 0, key: flowKey, seed: seed)
    }

    /// The place in `backends` of the one that takes a new flow of this slot, as the packet path chooses it. Where its
    /// connect failed, of the next: further attempts follow the table from that slot on to the next backend that they
    /// have not met. Nil where there is none (left).
    public func backend(of flow: Flow, attempt: Int = 0) -> Int? {
        let start = flow.slot(in: size)
        // In bounds: a flow's slot is below the size, which is the number of slots.
        let first = slots[start]
        guard attempt > 0 else { return first == 0 ? nil : Int(first) - 1 }
        guard first != 0, attempt < min(policy.attempts, Self.attemptsMax, backends.count) else { return nil }
        return other(than: first, from: start, attempt: attempt)
    }

    private func other(than first: UInt16, from start: Int, attempt: Int) -> Int? {
        withUnsafeTemporaryAllocation(of: UInt16.self, capacity: Self.attemptsMax) { met in
            met.initialize(repeating: first)
            var count = 1
            for step in 1..<slots.count {
                let slot = slots[(start + step) % slots.count]
                if met[..<count].contains(slot) { continue }
                if count == attempt { return Int(slot) - 1 }
                // In bounds: count is below attempt, which is below attemptsMax.
                met[count] = slot
                count += 1
            }
            return nil
        }
    }

    /// By the service's allow and deny lists; deny wins.
    public func admits(_ client: SocketAddress) -> Bool {
        if allow.isEmpty && deny.isEmpty { return true }
        let address = IPAddress(high: client.high, low: client.low)
        return !deny.contains { $0.contains(address) } && (allow.isEmpty || allow.contains { $0.contains(address) })
    }
}
