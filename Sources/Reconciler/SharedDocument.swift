// SPDX-License-Identifier: Apache-2.0

import Model

/// A document of the fleet's store: canonical JSON with a schema number, read strictly.
public protocol SharedDocument: Sendable {
    /// The highest schema that this version reads, and the one that it writes.
    static var schema: Int64 { get }
    /// All keys but `schema`.
    static var keys: Set<String> { get }
    /// Whether a newer version's document is read as far as it is known; else it is refused.
    static var toleratesNewer: Bool { get }

    init(_ fields: CanonicalReader.Fields) throws(CanonicalError)

    /// All but the schema.
    var members: [String: CanonicalValue] { get }
}

extension SharedDocument {
    public static var schema: Int64 { 1 }
    public static var toleratesNewer: Bool { false }

    /// Canonical: equal documents have equal bytes.
    public var bytes: [UInt8] {
        CanonicalValue.object(members.merging(["schema": .integer(Self.schema)]) { own, _ in own }).bytes
    }

    /// Reads a document; throws the first fault with its place, and for a schema of a newer version.
    public init(bytes: [UInt8]) throws(CanonicalError) {
        let reader = try CanonicalReader(bytes)
        var keys = Self.keys.union(["schema"])
        // Before unknown keys: what is too new may have those too.
        if case .object(let members) = reader.value, case .integer(let schema) = members["schema"],
            schema > Self.schema
        {
            guard Self.toleratesNewer else {
                throw CanonicalError(
                    .path("schema"), "written by a newer version (schema \(schema), this one knows \(Self.schema))")
            }
            keys.formUnion(members.keys)
        }
        let fields = try reader.object(keys)
        let _: Int64 = try fields["schema"].integer(1...Int64.max)
        try self.init(fields)
    }
}

extension CanonicalReader {
    func texts() throws(CanonicalError) -> [String] {
        try array { reader throws(CanonicalError) in try reader.string() }
    }

    func mark() throws(CanonicalError) -> Mark {
        let fields = try object(["epoch", "number", "digest"])
        return Mark(
            epoch: try fields["epoch"].count(), number: try fields["number"].count(),
            digest: try fields["digest"].string())
    }

    /// UTC, seconds since 1970.
    func time() throws(CanonicalError) -> Int64 { try integer(0...CanonicalValue.integers.upperBound) }
}

extension CanonicalValue {
    static func texts(_ texts: some Sequence<String>) -> CanonicalValue { .array(texts.map { .string($0) }) }

    static func count(_ number: UInt64) -> CanonicalValue { .integer(Int64(clamping: number)) }
}
