// SPDX-License-Identifier: Apache-2.0

import Model

// What the reconciler asks of a store. `LocalStore` answers for a single host; a fleet's stores are wired in.

/// Where generations are read: every host's source.
public protocol GenerationStore: Sendable {
    /// Whose store it is, the highest epoch that led, and what is published, all of one moment.
    ///
    /// Throws for a store that is empty or another fleet's: nobody leads there, and hosts go on with what they have.
    func state() async throws -> StoreState

    /// Waits until the state differs from `known` in its identity or its publication, and answers it.
    func state(after known: StoreState) async throws -> StoreState

    /// A generation that is kept under the digest of its manifest without being published; nil where there is none.
    ///
    /// Throws `UnreadableGeneration` where what is there is none, and other errors where it is not known.
    func kept(_ digest: String) async throws -> Publication?

    /// What the last publication left that is not as it should be, though it succeeded; nil where all is.
    var leftover: String? { get async }
}

extension GenerationStore {
    public var leftover: String? { nil }

    public func kept(_ digest: String) async throws -> Publication? { nil }
}

/// What lies in the store as a generation is none that this version can read.
public struct UnreadableGeneration: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// A store at one moment.
public struct StoreState: Hashable, Sendable {
    /// Nil in the store of a single host, which no other can be taken for.
    public var identity: FleetIdentity?
    /// The highest epoch that led; 0 where nobody ever did.
    public var epoch: UInt64
    /// Nil where nothing ever was published.
    public var current: Publication?

    public init(identity: FleetIdentity? = nil, epoch: UInt64 = 0, current: Publication? = nil) {
        self.identity = identity
        self.epoch = epoch
        self.current = current
    }
}

/// Whose store it is: compared, never ordered.
public struct FleetIdentity: Hashable, Sendable, CustomStringConvertible {
    public let fleet: String
    /// Random, given when the store was made.
    public let id: String

    public init(fleet: String, id: String) {
        self.fleet = fleet
        self.id = id
    }

    public var description: String { "\(fleet) \(id)" }
}

/// Makes this host a leader.
public protocol LeaderElection: Sendable {
    /// Waits until this host leads, and runs `body` in that one leadership, which is given back when `body` returns.
    ///
    /// When the leadership is lost, `body` is cancelled and returns at once. Throws why it was lost, or why this host
    /// cannot stand; returns where `body` ended it.
    ///
    /// - Parameter floor: asked at each try; the highest epoch that has been seen anywhere. The new epoch is above it,
    ///   which heals a store that was put back in time.
    func lead(
        above floor: @escaping @Sendable () async -> UInt64,
        _ body: @escaping @Sendable (any FencedWriter) async -> Void
    ) async throws
}

/// What a leader can do and nobody else: each write is taken by the store, in one step, only while no later leadership
/// is known there. Each throws `PublishRefusal.fenced` where one is, and where this one's lease is over.
public protocol FencedWriter: Sendable {
    /// The number of this leadership.
    var epoch: UInt64 { get }

    /// How long writes may still begin; nil where the leadership does not end by time.
    var remaining: Duration? { get }

    /// Publishes if, in the same write, `predecessor` is found current.
    ///
    /// Throws `PublishRefusal.conflict` where it is not. Any other error leaves unknown whether it was written: then the
    /// store is read again, and this generation there means that it was.
    func publish(_ generation: Generation, expecting predecessor: Mark?) async throws -> Publication

    /// Keeps a generation under the digest of its manifest, for the hosts of a canary, and publishes nothing.
    func keep(_ generation: Generation) async throws -> Publication

    /// As `FleetDocuments.write`.
    func write(_ bytes: [UInt8]?, to key: FleetKey, expecting: ExpectedDocument) async throws -> DocumentWrite

    /// Removes blobs that nobody names any more. What this host remembers of having written them is void.
    func deleteBlobs(_ digests: Set<String>) async throws
}

/// The store's answer to a leader that leads no more, or that did not know what is there.
public enum PublishRefusal: Error, Hashable, CustomStringConvertible {
    case fenced(epoch: UInt64, held: UInt64)
    case conflict(expected: Mark?, found: Mark?)

    public var description: String {
        switch self {
        case .fenced(let epoch, let held):
            held > epoch
                ? "publish in epoch \(epoch): the store's epoch is \(held), another leader has taken over"
                : "publish in epoch \(epoch): the store does not know this leadership any more, its epoch is \(held)"
        case .conflict(let expected, let found):
            "publish after \(Self.text(expected)): the store holds \(Self.text(found))"
        }
    }

    private static func text(_ mark: Mark?) -> String { mark.map { "\($0)" } ?? "nothing" }
}

/// The documents that a fleet shares beside its generations, as bytes.
public protocol FleetDocuments: Sendable {
    /// Nil where there is none.
    func read(_ key: FleetKey) async throws -> StoredDocument?

    /// All of one kind.
    func all(_ scope: FleetScope) async throws -> [FleetKey: StoredDocument]

    /// Calls `body` with all documents of a kind, at once and then whenever one of them may have changed, until it is
    /// cancelled; a throw ends it, and it is called again. Changes between two calls of `body` are one.
    func follow(
        _ scope: FleetScope, _ body: @escaping @Sendable ([FleetKey: StoredDocument]) async -> Void
    ) async throws

    /// Writes (nil: removes) a document in one step if what is there is as expected.
    ///
    /// A throw leaves unknown whether it was written, where not even reading again could tell.
    func write(_ bytes: [UInt8]?, to key: FleetKey, expecting: ExpectedDocument) async throws -> DocumentWrite

    /// Keeps bytes under their SHA-256, and answers it in hexadecimal.
    func putBlob(_ bytes: [UInt8]) async throws -> String

    /// The bytes of this digest, proved; nil where there are none.
    func blob(_ digest: String) async throws -> [UInt8]?

    /// The digests of all blobs.
    func blobs() async throws -> Set<String>
}

/// Which document: `desired`, `rollout`, `history`, `override/<id>`, `host/<name>`.
public enum FleetKey: Hashable, Sendable, CustomStringConvertible {
    /// What a person applied: `DesiredDocument`.
    case desired
    /// A change on its way, and whether the fleet is frozen: `RolloutDocument`.
    case rollout
    /// Which desired document made which generations: `HistoryDocument`.
    case history
    /// A person's exception: `OverrideDocument`.
    case override(String)
    /// What a host says of itself: `HostReport`.
    case host(String)

    public var description: String {
        switch self {
        case .desired: "desired"
        case .rollout: "rollout"
        case .history: "history"
        case .override(let id): "override/\(id)"
        case .host(let name): "host/\(name)"
        }
    }
}

/// Documents of one kind. Every host follows the rollout; only a leader follows the others.
public enum FleetScope: Hashable, Sendable, CaseIterable {
    case desired, rollout, overrides, hosts
}

/// A document's bytes; their SHA-256 in hexadecimal stands for their version in every store.
public struct StoredDocument: Hashable, Sendable {
    public let bytes: [UInt8]
    public let digest: String

    public init(bytes: [UInt8], digest: String) {
        self.bytes = bytes
        self.digest = digest
    }
}

/// What a writer believes is there.
public enum ExpectedDocument: Hashable, Sendable {
    case anything
    case nothing
    case digest(String)
}

/// The store's answer to a write.
public enum DocumentWrite: Hashable, Sendable {
    case accepted
    /// Something else was there; nothing changed.
    case conflict(found: StoredDocument?)
}
