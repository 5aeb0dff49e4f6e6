// SPDX-License-Identifier: Apache-2.0

import Storage

/// Bytes as the store holds them, with their SHA-256, which stands for their version in every store alike.
///
/// Revisions of the stores are not versions: they begin again after a restore.
public struct Document: Hashable, Sendable {
    public let bytes: [UInt8]
    public let digest: String

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
        digest = Digest.sha256hex(bytes)
    }
}

/// What a writer believes is there.
public enum Expectation: Hashable, Sendable {
    case anything
    case nothing
    case digest(String)

    func holds(for found: Document?) -> Bool {
        switch self {
        case .anything: true
        case .nothing: found == nil
        case .digest(let digest): found?.digest == digest
        }
    }
}

/// The store's answer to a write.
public enum WriteOutcome: Hashable, Sendable {
    case accepted
    /// The tenure is not the latest any more; `held` is the epoch that is.
    case fenced(held: UInt64)
    /// Something else was there than the writer expected; nothing changed.
    case conflict(found: Document?)
}

/// The store's identity, the latest epoch, and what is published, read in one transaction.
public struct StoreView: Hashable, Sendable {
    public var identity: StoreIdentity?
    public var epoch: UInt64
    public var current: Document?

    public init(identity: StoreIdentity?, epoch: UInt64, current: Document?) {
        self.identity = identity
        self.epoch = epoch
        self.current = current
    }
}

/// A document's name in the store: `current`, `desired`, `rollout`, `history`, `override/<id>`, `host/<name>`.
public struct DocumentName: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Below the fleet's prefix.
    public let text: String

    public static let current = DocumentName(text: "current")
    public static let desired = DocumentName(text: "desired")
    public static let rollout = DocumentName(text: "rollout")
    public static let history = DocumentName(text: "history")

    /// Those that are no member of a family.
    public static let single = [current, desired, rollout, history]

    /// Throws `StoreError.name` for an id that cannot be part of a key.
    public static func override(_ id: String) throws -> DocumentName { try DocumentFamily.overrides.member(id) }

    public static func host(_ name: String) throws -> DocumentName { try DocumentFamily.hosts.member(name) }

    init(text: String) { self.text = text }

    public var description: String { text }

    /// What distinguishes it in its family: the host's name, the override's id.
    public var lastPart: String { text.split(separator: "/").last.map(String.init) ?? text }

    public static func < (one: DocumentName, other: DocumentName) -> Bool { one.text < other.text }
}

/// Documents of one kind.
public enum DocumentFamily: String, Hashable, Sendable, CaseIterable {
    case overrides = "override/"
    case hosts = "host/"

    func member(_ id: String) throws -> DocumentName { DocumentName(text: rawValue + (try KeyPart.checked(id))) }
}

/// Where a watcher looks.
public enum ChangeScope: Hashable, Sendable {
    case document(DocumentName)
    case family(DocumentFamily)

    /// The key, or the beginning of the keys, below the fleet's prefix.
    var path: String {
        switch self {
        case .document(let name): name.text
        case .family(let family): family.rawValue
        }
    }

    func covers(_ path: String) -> Bool {
        switch self {
        case .document(let name): path == name.text
        case .family(let family): path.hasPrefix(family.rawValue)
        }
    }
}

/// Where a watcher goes on from; only for the store that gave it.
public struct ChangeMark: Hashable, Sendable {
    let text: String
}

/// What a person should know of a store: how big it is, and each thing that is not as it should be, in one line.
public struct StoreHealth: Hashable, Sendable {
    public var version: String?
    public var bytes: UInt64?
    public var problems: [String]

    public init(version: String? = nil, bytes: UInt64? = nil, problems: [String] = []) {
        self.version = version
        self.bytes = bytes
        self.problems = problems
    }
}
