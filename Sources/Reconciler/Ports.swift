// SPDX-License-Identifier: Apache-2.0

import Model

/// Makes this host a leader.
public protocol Election: Sendable {
    /// Waits until this host leads, and answers the epoch of its leadership, which is above `floor`.
    ///
    /// The floor is the highest epoch that this host has seen anywhere; it heals a store that was put back in time.
    func lead(above floor: UInt64) async throws -> UInt64
}

/// Where generations are published: the leader's goal and every host's source.
public protocol GenerationStore: Sendable {
    /// What is published now; nil where nothing ever was.
    func current() async throws -> Publication?

    /// Waits until something else than `mark` is published.
    func publication(after mark: Mark?) async throws -> Publication

    /// Publishes if, in the same write, `predecessor` is found current and the generation's epoch is the store's.
    ///
    /// Throws `PublishRefusal` where it is not, another error where the write failed and nothing changed.
    func publish(_ generation: Generation, expecting predecessor: Mark?) async throws -> Publication

    /// What the last publication left that is not as it should be, though it succeeded; nil where all is.
    var leftover: String? { get async }
}

extension GenerationStore {
    public var leftover: String? { nil }
}

/// The store's answer to a leader that leads no more.
public enum PublishRefusal: Error, Hashable, CustomStringConvertible {
    case fenced(epoch: UInt64, held: UInt64)
    case conflict(expected: Mark?, found: Mark?)

    public var description: String {
        switch self {
        case .fenced(let epoch, let held):
            "publish in epoch \(epoch): the store's epoch is \(held), another leader has taken over"
        case .conflict(let expected, let found):
            "publish after \(Self.text(expected)): the store holds \(Self.text(found))"
        }
    }

    private static func text(_ mark: Mark?) -> String { mark.map { "\($0)" } ?? "nothing" }
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
