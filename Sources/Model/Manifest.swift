// SPDX-License-Identifier: Apache-2.0

import CDataplane

extension Generation {
    /// A generation without its services' content: in place of each service stands the digest of its blob.
    public struct Manifest: Hashable, Sendable {
        public struct Entry: Hashable, Sendable {
            public let name: String
            /// SHA-256 of the blob, 64 lower-case hexadecimal digits.
            public let digest: String

            public init(name: String, digest: String) {
                self.name = name
                self.digest = digest
            }
        }

        public let schema: Int
        public let epoch: UInt64
        public let number: UInt64
        public let predecessor: String?
        public let seed: UInt64
        public let nextBackendID: UInt16
        /// Sorted by name.
        public let services: [Entry]
        public let routing: Routing
    }

    /// The canonical bytes of its manifest.
    ///
    /// - Parameter digests: SHA-256 of each service's blob by the service's name. One that is missing is written as
    ///   empty text, which no reader accepts.
    public func manifestBytes(digests: [String: String]) -> [UInt8] {
        manifest(digests: digests).bytes
    }

    /// Its manifest as a value.
    public func manifest(digests: [String: String]) -> Manifest {
        Manifest(
            schema: schema, epoch: epoch, number: number, predecessor: predecessor, seed: seed,
            nextBackendID: nextBackendID,
            services: services.map { .init(name: $0.service.name, digest: digests[$0.service.name] ?? "") },
            routing: routing)
    }

    /// Puts manifest and blobs together again.
    ///
    /// - Throws: where a service is missing, is not the one that the manifest names, or shares its id, its place or a
    ///   backend's id with another.
    public init(_ manifest: Manifest, services: [PlacedService]) throws(CanonicalError) {
        for index in 0..<max(services.count, manifest.services.count) {
            let place = CanonicalError.Place.path("services[\(index)]")
            guard index < manifest.services.count else { throw CanonicalError(place, "not in the manifest") }
            let name = manifest.services[index].name
            guard index < services.count, services[index].service.name == name else {
                throw CanonicalError(place, "service \(name) is missing")
            }
        }
        self.init(
            epoch: manifest.epoch, number: manifest.number, predecessor: manifest.predecessor, seed: manifest.seed,
            nextBackendID: manifest.nextBackendID, services: services, routing: manifest.routing)
        if let fault = placesFault { throw fault }
        if let problem = routing.problems(beside: services.map(\.service)).first {
            throw CanonicalError(.path("http"), problem.description)
        }
    }

    /// What two services may not share.
    private var placesFault: CanonicalError? {
        var ids: Set<ServiceID> = []
        var vips: Set<VIP> = []
        var backends: Set<BackendID> = []
        for (index, service) in services.enumerated() {
            func fault(_ message: String) -> CanonicalError { CanonicalError(.path("services[\(index)]"), message) }
            if !ids.insert(service.id).inserted { return fault("another service has its id") }
            if !vips.insert(service.service.vip).inserted { return fault("another service has its VIP") }
            for backend in service.backends where !backends.insert(backend.id).inserted {
                return fault("backend id \(backend.id.rawValue) is there twice")
            }
        }
        let tables = services.map(\.granules).sorted { $0.lowerBound < $1.lowerBound }
        let overlap = zip(tables, tables.dropFirst()).contains { $0.upperBound > $1.lowerBound }
        return overlap ? CanonicalError(.path("services"), "two tables overlap") : nil
    }
}

extension Generation.Manifest {
    private static let keys: Set<String> = [
        "schema", "flow-hash", "table-hash", "epoch", "number", "predecessor", "seed", "next-backend-id", "services",
        "http",
    ]

    /// Canonical: equal manifests have equal bytes on every host. The seed is in it, so it is for the fleet's eyes
    /// alone.
    public var bytes: [UInt8] {
        var members: [String: CanonicalValue] = [
            "schema": .integer(Int64(schema)), "flow-hash": .integer(Int64(FLOW_HASH_VERSION)),
            "table-hash": .integer(Int64(LookupTable.version)), "epoch": .integer(Int64(clamping: epoch)),
            "number": .integer(Int64(clamping: number)), "seed": .string(Numerals.hexadecimal(seed, digits: 16)),
            "next-backend-id": .integer(Int64(nextBackendID)),
            "services": .array(services.map { .object(["name": .string($0.name), "digest": .string($0.digest)]) }),
        ]
        if let predecessor { members["predecessor"] = .string(predecessor) }
        if !routing.isEmpty { members["http"] = routing.canonical }
        return CanonicalValue.object(members).bytes
    }

    /// Reads a manifest.
    ///
    /// - Throws: the first fault with its place; also for a schema, a flow hash or a table hash of another version.
    public init(_ bytes: [UInt8]) throws(CanonicalError) {
        let reader = try CanonicalReader(bytes)
        let known = [("flow-hash", Int(FLOW_HASH_VERSION)), ("table-hash", LookupTable.version)]
        if case .object(let members) = reader.value {
            // Before unknown keys: what is too new may have those too.
            guard case .integer(let schema) = members["schema"], (1...Int64(Generation.schema)).contains(schema) else {
                throw CanonicalError(.path("schema"), "this version knows schema 1 to \(Generation.schema)")
            }
            for (key, version) in known where members[key] != .integer(Int64(version)) {
                throw CanonicalError(.path(key), "this version knows \(key) \(version) alone")
            }
        }
        let fields = try reader.object(Self.keys)
        schema = try fields["schema"].integer()
        epoch = try fields["epoch"].integer()
        number = try fields["number"].integer()
        predecessor = try fields.optional("predecessor").map { reader throws(CanonicalError) in try reader.digest() }
        seed = try fields["seed"].bits()
        nextBackendID = try fields["next-backend-id"].integer(1...UInt16(BACKENDS_MAX))
        services = try fields["services"].array { reader throws(CanonicalError) in
            let fields = try reader.object(["name", "digest"])
            return Entry(name: try fields["name"].string(), digest: try fields["digest"].digest())
        }
        routing = try fields.optional("http").map { reader throws(CanonicalError) in try Routing(reader) } ?? Routing()
        guard routing.isEmpty == (schema < 4) else { throw reader.fault("'http' belongs to schema 4, and to each") }
        for (index, (one, other)) in zip(services, services.dropFirst()).enumerated()
        where !NameHash.precedes(one.name, other.name) {
            throw CanonicalError(.path("services[\(index + 1)]"), "out of order or there twice")
        }
    }
}

extension Generation.Manifest: CustomStringConvertible {
    /// Without the seed, which is the fleet's secret.
    public var description: String { "manifest of generation \(number) of epoch \(epoch), \(services.count) services" }
}
