// SPDX-License-Identifier: Apache-2.0

import Model

/// Where backends are discovered; a leader's alone.
public protocol CatalogSource: Sendable {
    /// From now on follows these and no others; what is known of them stays. Without any nothing is read at all. Returns
    /// at once.
    func watch(_ queries: Set<CatalogQuery>) async

    /// Each value is the whole catalog. For one consumer.
    var catalogs: AsyncStream<Catalog> { get }

    /// What is known now, with the ages of now: `Catalog.at` and each `asOf` are of the same clock.
    var current: Catalog { get async }
}

/// The catalog of a host whose services name all their backends themselves.
public struct NoCatalog: CatalogSource {
    public init() {}

    public func watch(_ queries: Set<CatalogQuery>) async {}

    public var catalogs: AsyncStream<Catalog> { AsyncStream { $0.finish() } }

    public var current: Catalog { Catalog() }
}

/// What this host's probes see.
public protocol HealthSource: Sendable {
    /// From now on probes the backends of this generation; those in `down` begin as down and must rise. Returns at once.
    func watch(_ generation: Generation, down: Set<BackendName>) async

    /// Each value is the whole set of backends that are down.
    var downSets: AsyncStream<Set<BackendName>> { get }
}

/// How this host reaches addresses.
public protocol NextHopSource: Sendable {
    /// From now on resolves these addresses. Returns at once.
    func watch(_ addresses: Set<IPAddress>) async

    /// Each value is the whole of what is known; an address that is missing has no next hop.
    var nextHops: AsyncStream<[IPAddress: NextHop]> { get }
}

/// Makes the kernel do what an order says.
public protocol Applier: Sendable {
    /// Applies the whole order; when it throws, what was running goes on and the same order may be given again.
    func apply(_ order: Order) async throws -> AppliedReport

    /// Settles every slot whose previous backend nothing uses any more.
    ///
    /// Answers the names of the services all of whose slots are settled.
    func settle(at uptime: Duration) async throws -> Set<String>

    /// What differs between the kernel and this order, which was applied last: a line each, empty where nothing does.
    ///
    /// After an answer of differences the next `apply` compares with what the kernel really holds, which repairs it.
    func verify(_ order: Order) async throws -> [String]

    /// How many packets have been dropped for each reason since the counters were made.
    func drops() async throws -> [String: UInt64]
}

extension Applier {
    public func verify(_ order: Order) async throws -> [String] { [] }

    public func drops() async throws -> [String: UInt64] { [:] }
}

/// All that an applier needs to know, whole.
public struct Order: Hashable, Sendable {
    public var publication: Publication
    /// What this host's probes see down; the brake is the applier's, by `PlacedService.activeMembers(less:)`.
    public var down: Set<BackendID>
    public var nextHops: [IPAddress: NextHop]

    public init(publication: Publication, down: Set<BackendID>, nextHops: [IPAddress: NextHop]) {
        self.publication = publication
        self.down = down
        self.nextHops = nextHops
    }
}

/// What an applier says of an order that it carried out.
public struct AppliedReport: Hashable, Sendable {
    /// Digest of the fleet part of the map image, which is equal on every host.
    public var fleetDigest: String?
    /// What works less well than it was asked to, a sentence each.
    public var warnings: [String]
    /// False where something was left out that may succeed later, such as an interface that somebody else holds: the
    /// order is then given again, later and later.
    public var isComplete: Bool

    public init(fleetDigest: String? = nil, warnings: [String] = [], isComplete: Bool = true) {
        self.fleetDigest = fleetDigest
        self.warnings = warnings
        self.isComplete = isComplete
    }
}
