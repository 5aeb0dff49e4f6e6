// SPDX-License-Identifier: Apache-2.0

import Model

/// A change on its way through the fleet, and whether the fleet is frozen: one document, so that of two decisions at
/// once the store takes one.
public struct RolloutDocument: SharedDocument, Hashable {
    public static let keys: Set<String> = ["frozen", "rollout"]

    /// While it stands nothing is published, whatever happens.
    public var frozen: Freeze?
    /// The last one, also when it is over.
    public var rollout: Rollout?

    public init(frozen: Freeze? = nil, rollout: Rollout? = nil) {
        self.frozen = frozen
        self.rollout = rollout
    }

    public init(_ fields: CanonicalReader.Fields) throws(CanonicalError) {
        frozen = try fields.optional("frozen").map { reader throws(CanonicalError) in try Freeze(reader) }
        rollout = try fields.optional("rollout").map { reader throws(CanonicalError) in try Rollout(reader) }
    }

    public var members: [String: CanonicalValue] {
        var members: [String: CanonicalValue] = [:]
        members["frozen"] = frozen?.canonical
        members["rollout"] = rollout?.canonical
        return members
    }
}

extension RolloutDocument {
    /// What stands for one that cannot be read: it may say that the fleet is frozen, or that a canary is under way.
    static func unreadable(_ trouble: FleetRefusal) -> RolloutDocument {
        RolloutDocument(frozen: Freeze(author: Freeze.nobody, at: 0, reason: "\(trouble)"))
    }

    /// As far as it can be read, for those who look.
    public init(looking bytes: [UInt8]) {
        do { try self.init(bytes: bytes) } catch { self = .unreadable(.unreadableRollout("\(error)")) }
    }
}

/// Who stopped publishing, and why.
public struct Freeze: Hashable, Sendable {
    /// Of a fleet that stands still by itself.
    static let nobody = "nobody"

    public var author: String
    /// UTC, seconds since 1970.
    public var at: Int64
    public var reason: String

    public init(author: String, at: Int64, reason: String) {
        self.author = author
        self.at = at
        self.reason = reason
    }
}

/// A new desired document that some hosts try before the others get it.
public struct Rollout: Hashable, Sendable {
    public enum State: String, Hashable, Sendable, CaseIterable {
        /// Its hosts run it, the others what was before; nobody has decided.
        case canary
        /// It becomes what the fleet desires.
        case confirmed
        case rolledBack
    }

    /// Random.
    public var id: String
    public var state: State
    /// Who tries it, sorted; empty: every host, until somebody confirms.
    public var hosts: [String]
    /// The digest of the desired document before it; nil where there was none.
    public var from: String?
    /// The digest of its desired document, which is kept as a blob.
    public var to: String
    /// The newest generation made of it, which its hosts follow; the manifest is kept as a blob. Nil until the leader
    /// has made the first.
    public var canary: Mark?
    public var author: String
    /// When it began: UTC, seconds since 1970.
    public var at: Int64
    /// How many seconds are left to confirm it.
    public var remaining: Int64
    /// Why it was rolled back, or who confirmed it.
    public var reason: String?
    /// The generation that carried the decision out, for all hosts: its hosts follow the others from then on.
    public var outcome: Mark?

    public init(
        id: String, state: State = .canary, hosts: [String], from: String?, to: String, canary: Mark? = nil,
        author: String, at: Int64, remaining: Int64, reason: String? = nil, outcome: Mark? = nil
    ) {
        self.id = id
        self.state = state
        self.hosts = hosts
        self.from = from
        self.to = to
        self.canary = canary
        self.author = author
        self.at = at
        self.remaining = remaining
        self.reason = reason
        self.outcome = outcome
    }

    /// Decided, and carried out.
    public var isOver: Bool { outcome != nil }

    public func includes(_ host: String) -> Bool { hosts.isEmpty || hosts.contains(host) }
}

extension Freeze {
    fileprivate init(_ reader: CanonicalReader) throws(CanonicalError) {
        let fields = try reader.object(["author", "at", "reason"])
        self.init(
            author: try fields["author"].string(), at: try fields["at"].time(), reason: try fields["reason"].string())
    }

    fileprivate var canonical: CanonicalValue {
        .object(["author": .string(author), "at": .integer(at), "reason": .string(reason)])
    }
}

extension Rollout {
    private static let keys: Set<String> = [
        "id", "state", "hosts", "from", "to", "canary", "author", "at", "remaining", "reason", "outcome",
    ]

    fileprivate init(_ reader: CanonicalReader) throws(CanonicalError) {
        let fields = try reader.object(Self.keys)
        self.init(
            id: try fields["id"].string(), state: try fields["state"].choice(), hosts: try fields["hosts"].texts(),
            from: try fields.optional("from")?.digest(), to: try fields["to"].digest(),
            canary: try fields.optional("canary")?.mark(), author: try fields["author"].string(),
            at: try fields["at"].time(), remaining: try fields["remaining"].time(),
            reason: try fields.optional("reason")?.string(), outcome: try fields.optional("outcome")?.mark())
    }

    fileprivate var canonical: CanonicalValue {
        var members: [String: CanonicalValue] = [
            "id": .string(id), "state": .string(state.rawValue), "hosts": .texts(hosts), "to": .string(to),
            "author": .string(author), "at": .integer(at), "remaining": .integer(remaining),
        ]
        members["from"] = from.map { .string($0) }
        members["canary"] = canary?.canonical
        members["reason"] = reason.map { .string($0) }
        members["outcome"] = outcome?.canonical
        return .object(members)
    }
}
