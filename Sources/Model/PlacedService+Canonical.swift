// SPDX-License-Identifier: Apache-2.0

import CDataplane

/// A service's blob.
extension PlacedService {
    /// The canonical bytes of its blob: the same for equal services on every host. Durations are in milliseconds.
    public var canonicalBytes: [UInt8] { canonical.bytes }

    /// Reads a blob.
    ///
    /// - Throws: the first fault with its place: not JSON of the subset, an unknown or missing key, a value out of its
    ///   range.
    public init(canonical bytes: [UInt8]) throws(CanonicalError) {
        let fields = try CanonicalReader(bytes).object(["id", "table", "service", "backends", "settled", "routes"])
        let id = ServiceID(rawValue: try fields["id"].integer(1...UInt16(SERVICES_MAX)))
        let table: UInt16 = try fields["table"].integer(0...UInt16(GRANULES_MAX - 1))
        let service = try VirtualService(fields["service"])
        let backends = try fields["backends"].array { reader throws(CanonicalError) in try PlacedBackend(reader) }
        let settled = try fields["settled"].array { reader throws(CanonicalError) in try TableMember(reader) }
        let routes = try fields.optional("routes")?.array { reader throws(CanonicalError) in try CatalogRoute(reader) }
        self.init(
            id: id, table: table, service: service, backends: backends, settled: settled, routes: routes ?? [])
        guard granules.upperBound <= Int(GRANULES_MAX) else {
            throw CanonicalError(.path("table"), "\(service.tableSize.slots) slots from granule \(table) on do not fit")
        }
        if let fault = orderFault ?? valueFault { throw fault }
    }

    private var canonical: CanonicalValue {
        var members: [String: CanonicalValue] = [
            "id": .integer(Int64(id.rawValue)), "table": .integer(Int64(table)), "service": service.canonical,
            "backends": .array(backends.map(\.canonical)), "settled": .array(settled.map(\.canonical)),
        ]
        // Schema 1 does not know them.
        if !routes.isEmpty { members["routes"] = .array(routes.map(\.canonical)) }
        return .object(members)
    }

    /// Values that no generation holds, whoever wrote it.
    private var valueFault: CanonicalError? {
        if let problem = service.problems.first { return CanonicalError(.path("service"), problem.message) }
        for (index, placed) in backends.enumerated() {
            guard let problem = service.problems(of: placed.backend).first else { continue }
            return CanonicalError(.path("backends[\(index)]"), problem.message)
        }
        return nil
    }

    /// Lists that are not in order would make another image of the same digest's service.
    private var orderFault: CanonicalError? {
        let names = backends.map { ($0.backend.name, $0.id) }
        for (index, (one, other)) in zip(names, names.dropFirst()).enumerated() {
            guard NameHash.precedes(one.0, one.1, other.0, other.1) else {
                return CanonicalError(.path("backends[\(index + 1)]"), "out of order or there twice")
            }
        }
        for (index, (one, other)) in zip(settled, settled.dropFirst()).enumerated() {
            guard TableMember.precedes(one, other) else {
                return CanonicalError(.path("settled[\(index + 1)]"), "out of order or there twice")
            }
        }
        guard Set(backends.map(\.id)).count == backends.count else {
            return CanonicalError(.path("backends"), "two have one id")
        }
        return nil
    }
}

extension PlacedBackend {
    fileprivate var canonical: CanonicalValue {
        var members: [String: CanonicalValue] = [
            "id": .integer(Int64(id.rawValue)), "name": .string(backend.name),
            "address": .string(backend.address.description), "port": .integer(Int64(backend.port)),
            "weight": .integer(Int64(backend.weight)), "state": .string(state.rawValue),
        ]
        if let drainingSince { members["draining-since"] = .integer(drainingSince) }
        return .object(members)
    }

    fileprivate init(_ reader: CanonicalReader) throws(CanonicalError) {
        let fields = try reader.object(["id", "name", "address", "port", "weight", "state", "draining-since"])
        let backend = Backend(
            name: try fields["name"].string(), address: try fields["address"].parsed(as: "address"),
            port: try fields["port"].integer(), weight: try fields["weight"].integer(0...Backend.maximumWeight))
        let since: Int64? = try fields.optional("draining-since")?.integer()
        self.init(
            id: BackendID(rawValue: try fields["id"].integer(1...UInt16(BACKENDS_MAX))), backend: backend,
            state: try fields["state"].choice(), drainingSince: since)
        guard (state == .draining) == (since != nil) else {
            throw reader.fault("'draining-since' belongs to a draining backend, and to each of them")
        }
    }
}

extension TableMember {
    fileprivate var canonical: CanonicalValue {
        .object(["id": .integer(Int64(id.rawValue)), "name": .string(name), "weight": .integer(Int64(weight))])
    }

    fileprivate init(_ reader: CanonicalReader) throws(CanonicalError) {
        let fields = try reader.object(["id", "name", "weight"])
        self.init(
            id: BackendID(rawValue: try fields["id"].integer(1...UInt16(BACKENDS_MAX))),
            name: try fields["name"].string(), weight: try fields["weight"].integer(1...Backend.maximumWeight))
    }
}

extension CatalogRoute {
    fileprivate var canonical: CanonicalValue {
        var members: [String: CanonicalValue] = [
            "host": .string(host), "path": .string(path), "options": .object(options.mapValues { .string($0) }),
            "instances": .array(instances.map { .string($0) }),
        ]
        if let port { members["port"] = .integer(Int64(port)) }
        return .object(members)
    }

    fileprivate init(_ reader: CanonicalReader) throws(CanonicalError) {
        let fields = try reader.object(["host", "path", "port", "options", "instances"])
        self.init(
            host: try fields["host"].string(), path: try fields["path"].string(),
            port: try fields.optional("port")?.integer(),
            options: try fields["options"].dictionary { reader throws(CanonicalError) in try reader.string() },
            instances: try fields["instances"].array { reader throws(CanonicalError) in try reader.string() })
    }
}
