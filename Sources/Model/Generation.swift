// SPDX-License-Identifier: Apache-2.0

/// A backend in a generation: with the id that it keeps.
public struct PlacedBackend: Hashable, Sendable {
    public enum State: String, Hashable, Sendable, CaseIterable {
        /// Takes new flows (if its weight is not 0).
        case active
        /// Takes no new flows, keeps its own until its deadline, which ends with the generation that leaves it out.
        case draining
    }

    public var id: BackendID
    public var backend: Backend
    public var state: State
    /// UTC, seconds since 1970, set by the leader when it began to drain; nil while active.
    public var drainingSince: Int64?

    public init(id: BackendID, backend: Backend, state: State = .active, drainingSince: Int64? = nil) {
        self.id = id
        self.backend = backend
        self.state = state
        self.drainingSince = drainingSince
    }
}

/// What a lookup table is built of.
public struct TableMember: Hashable, Sendable {
    public var id: BackendID
    public var name: String
    public var weight: UInt32

    public init(id: BackendID, name: String, weight: UInt32) {
        self.id = id
        self.name = name
        self.weight = weight
    }
}

/// A service in a generation: with the id and the place of its table that it keeps.
public struct PlacedService: Hashable, Sendable {
    public var id: ServiceID
    /// First granule of its lookup table (`dataplane.h`).
    public var table: UInt16
    public var service: VirtualService
    /// Sorted by name.
    public var backends: [PlacedBackend]
    /// What the table was built of when every host last reported its slots settled, sorted by name: from it comes the
    /// previous backend of a slot.
    public var settled: [TableMember]
    /// What its instances ask for in the catalog; for listeners.
    public var routes: [CatalogRoute]

    public init(
        id: ServiceID, table: UInt16, service: VirtualService, backends: [PlacedBackend], settled: [TableMember] = [],
        routes: [CatalogRoute] = []
    ) {
        self.id = id
        self.table = table
        self.service = service
        self.backends = backends
        self.settled = settled
        self.routes = routes
    }
}

/// What every host applies: numbered, fenced, immutable.
public struct Generation: Hashable, Sendable {
    /// The highest format that this version reads. What needs no newer one is written in an older, so that hosts of an
    /// older version go on reading it: 1 is all but what follows, 2 has routes of the catalog, 3 has services of
    /// `forward: sockets`, 4 has listeners and their routes.
    public static let schema = 4

    /// The format that its content needs.
    public var schema: Int {
        if !routing.isEmpty { return 4 }
        if services.contains(where: { $0.service.forwarding == .sockets }) { return 3 }
        return services.contains { !$0.routes.isEmpty } ? 2 : 1
    }

    /// The number of the leadership that published it.
    public var epoch: UInt64
    /// Counts up within all epochs.
    public var number: UInt64
    /// SHA-256 of the predecessor's manifest, hexadecimal; nil for the first.
    public var predecessor: String?
    /// The secret of the fleet from which each service's flow seed comes.
    public var seed: UInt64
    /// The next backend id that was never used, so that ids come back as late as can be.
    public var nextBackendID: UInt16
    /// Sorted by name.
    public var services: [PlacedService]
    public var routing: Routing

    public init(
        epoch: UInt64, number: UInt64, predecessor: String? = nil, seed: UInt64, nextBackendID: UInt16 = 1,
        services: [PlacedService] = [], routing: Routing = Routing()
    ) {
        self.epoch = epoch
        self.number = number
        self.predecessor = predecessor
        self.seed = seed
        self.nextBackendID = nextBackendID
        self.services = services
        self.routing = routing
    }
}

extension Generation: CustomStringConvertible {
    /// Without the seed, which is the fleet's secret.
    public var description: String { "generation \(number) of epoch \(epoch), \(services.count) services" }
}
