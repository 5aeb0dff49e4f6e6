// SPDX-License-Identifier: Apache-2.0

import Model

/// What a person applied: the services document as it was written, which the leader reads anew whenever it must.
public struct DesiredDocument: SharedDocument, Hashable {
    public static let keys: Set<String> = ["version", "author", "at", "document", "note"]

    /// Counts up with each `apply`.
    public var version: UInt64
    /// `name (uid N)`.
    public var author: String
    /// UTC, seconds since 1970.
    public var at: Int64
    /// The text of `services.yaml`.
    public var document: String
    /// How it came about where it was not typed: `rollback to generation 41`.
    public var note: String?

    public init(version: UInt64, author: String, at: Int64, document: String, note: String? = nil) {
        self.version = version
        self.author = author
        self.at = at
        self.document = document
        self.note = note
    }

    public init(_ fields: CanonicalReader.Fields) throws(CanonicalError) {
        self.init(
            version: try fields["version"].count(), author: try fields["author"].string(),
            at: try fields["at"].time(), document: try fields["document"].string(),
            note: try fields.optional("note")?.string())
    }

    public var members: [String: CanonicalValue] {
        var members: [String: CanonicalValue] = [
            "version": .count(version), "author": .string(author), "at": .integer(at), "document": .string(document),
        ]
        members["note"] = note.map { .string($0) }
        return members
    }
}

/// Which desired documents made which generations, so that `rollback N` finds what was desired then. The documents
/// themselves are blobs. The leader alone writes it, and forgets the oldest.
public struct HistoryDocument: SharedDocument, Hashable {
    public static let keys: Set<String> = ["entries"]
    public static let longest = 20

    public struct Entry: Hashable, Sendable {
        /// The first generation that was made of it; it was in force up to the next entry's.
        public var number: UInt64
        /// Of the desired document's bytes.
        public var desired: String
        public var version: UInt64
        public var author: String
        /// When it was applied: UTC, seconds since 1970.
        public var at: Int64
    }

    /// By number.
    public private(set) var entries: [Entry]

    public init(entries: [Entry] = []) { self.entries = entries }

    /// What was desired when this generation was published; nil where that is not known any more.
    public func entry(of number: UInt64) -> Entry? { entries.last { $0.number <= number } }

    /// A generation that the first of its desired document is.
    mutating func note(_ entry: Entry) {
        guard entries.last?.desired != entry.desired else { return }
        entries = (entries.filter { $0.number < entry.number } + [entry]).suffix(Self.longest)
    }

    public init(_ fields: CanonicalReader.Fields) throws(CanonicalError) {
        entries = try fields["entries"].array { reader throws(CanonicalError) in
            let fields = try reader.object(["number", "desired", "version", "author", "at"])
            return Entry(
                number: try fields["number"].count(), desired: try fields["desired"].digest(),
                version: try fields["version"].count(), author: try fields["author"].string(),
                at: try fields["at"].time())
        }
    }

    public var members: [String: CanonicalValue] {
        [
            "entries": .array(
                entries.map {
                    .object([
                        "number": .count($0.number), "desired": .string($0.desired), "version": .count($0.version),
                        "author": .string($0.author), "at": .integer($0.at),
                    ])
                })
        ]
    }
}

/// A person's exception as the fleet's store holds it, under an id.
public struct OverrideDocument: SharedDocument, Hashable {
    public static let keys: Set<String> = ["service", "backend", "author", "reason", "expiry", "at"]

    public var override: Override
    /// When it was made: UTC, seconds since 1970.
    public var at: Int64

    public init(_ override: Override, at: Int64) {
        self.override = override
        self.at = at
    }

    public init(_ fields: CanonicalReader.Fields) throws(CanonicalError) {
        override = Override(
            service: try fields["service"].string(), backend: try fields["backend"].string(),
            author: try fields["author"].string(), reason: try fields["reason"].string(),
            expiry: try fields.optional("expiry")?.time())
        at = try fields["at"].time()
    }

    public var members: [String: CanonicalValue] {
        var members: [String: CanonicalValue] = [
            "service": .string(override.service), "backend": .string(override.backend),
            "author": .string(override.author), "reason": .string(override.reason), "at": .integer(at),
        ]
        members["expiry"] = override.expiry.map { .integer($0) }
        return members
    }
}

extension OverrideDocument {
    /// What it does as far as that can be read, also of a newer version's; nil where it cannot.
    static func effect(of bytes: [UInt8]) -> Override? {
        do { return try OverrideDocument(bytes: bytes).override } catch {
            guard let value = readable(bytes), let service = value["service"]?.text,
                let backend = value["backend"]?.text
            else { return nil }
            return Override(
                service: service, backend: backend, author: value["author"]?.text ?? "",
                reason: value["reason"]?.text ?? "")
        }
    }

    private static func readable(_ bytes: [UInt8]) -> CanonicalValue? {
        do { return try CanonicalReader(bytes).value } catch { return nil }
    }
}

/// An exception that cannot be read, as a sentence for people.
struct UnreadableOverride: CustomStringConvertible {
    let key: FleetKey
    let cause: String
    /// What is known of it.
    let effect: Override?

    var description: String {
        guard let effect else { return "read \(key): \(cause): whom it drains is not known; drain that one again" }
        return "read \(key): \(cause): \(effect.service)/\(effect.backend) stays drained; "
            + "to lift it: sluicectl backend enable \(effect.service)/\(effect.backend)"
    }
}
