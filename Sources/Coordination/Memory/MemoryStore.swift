// SPDX-License-Identifier: Apache-2.0

/// One client of a server in this process.
public struct MemoryStore: FleetStore {
    public let client: String
    private let server: MemoryServer
    private let fleet: String

    public init(_ server: MemoryServer, fleet: String, client: String) throws {
        self.server = server
        self.fleet = try KeyPart.checked(fleet)
        self.client = client
    }

    public var place: String { "memory for \(client)" }

    public func identity() async throws -> StoreIdentity? {
        try await server.request("read identity", by: client) { records, _ in try checked(records.identity) }
    }

    public func found(above floor: UInt64) async throws -> StoreIdentity {
        try await server.request("found", by: client) { records, _ in
            _ = try checked(records.identity)
            return records.found(fleet, above: floor)
        }
    }

    public func lockEpochs() async throws -> [String: UInt64] {
        try await server.request("list locks", by: client) { records, _ in records.lockEpochs }
    }

    public func view() async throws -> StoreView {
        try await server.request("read", by: client) { records, _ in
            StoreView(
                identity: try checked(records.identity), epoch: records.epochs[.leader]?.epoch ?? 0,
                current: records.documents[.current])
        }
    }

    public func read(_ name: DocumentName) async throws -> Document? {
        try await server.request("read \(name)", by: client) { records, _ in
            _ = try checked(records.identity)
            return records.documents[name]
        }
    }

    public func documents(_ family: DocumentFamily) async throws -> [DocumentName: Document] {
        try await server.request("list \(family.rawValue)", by: client) { records, _ in
            _ = try checked(records.identity)
            return records.documents.filter { $0.key.text.hasPrefix(family.rawValue) }
        }
    }

    public func write(
        _ bytes: [UInt8]?, to name: DocumentName, expecting: Expectation, as tenure: Tenure?
    ) async throws -> WriteOutcome {
        let operation = "write \(name)"
        do {
            return try await server.request(operation, by: client) { records, now in
                _ = try checked(records.identity)
                return try records.write(
                    bytes, to: name, expecting: expecting, as: tenure, at: now, place: place)
            }
        } catch StoreError.unknown(_, _, let cause) {
            guard try await read(name) == bytes.map(Document.init) else {
                throw StoreError.unknown(place: place, operation: operation, cause: cause)
            }
            return .accepted
        }
    }

    public func putBlob(_ bytes: [UInt8]) async throws -> String {
        let digest = Document(bytes).digest
        return try await server.request("write a blob", by: client) { records, _ in
            guard try checked(records.identity) != nil else { throw StoreError.empty(place: place) }
            records.blobs[digest] = bytes
            return digest
        }
    }

    public func blob(_ digest: String) async throws -> [UInt8]? {
        try await server.request("read a blob", by: client) { records, _ in records.blobs[digest] }
    }

    public func blobs() async throws -> Set<String> {
        try await server.request("list blobs", by: client) { records, _ in Set(records.blobs.keys) }
    }

    public func deleteBlob(_ digest: String, as tenure: Tenure) async throws -> WriteOutcome {
        try await server.request("remove a blob", by: client) { records, now in
            try records.deleteBlob(digest, as: tenure, at: now, place: place)
        }
    }

    public func changed(_ scope: ChangeScope, since mark: ChangeMark?, within: Duration) async throws -> ChangeMark {
        if let mark { try await server.change(within: within) { $0.mark(of: scope) != mark } }
        return try await server.request("watch \(scope.path)", by: client) { records, _ in records.mark(of: scope) }
    }

    public func health() async throws -> StoreHealth {
        try await server.request("read health", by: client) { records, _ in
            StoreHealth(bytes: UInt64(records.documents.values.map(\.bytes.count).reduce(0, +)))
        }
    }

    private func checked(_ identity: StoreIdentity?) throws -> StoreIdentity? {
        if let identity, identity.fleet != fleet {
            throw StoreError.foreign(place: place, fleet: fleet, found: identity.fleet)
        }
        return identity
    }
}

extension MemoryStore: LockStore {
    public func acquire(
        _ lock: LockName, as token: HolderToken, for lease: Duration, above floor: UInt64
    ) async throws -> Acquisition {
        try await server.request("acquire \(lock)", by: client) { records, now in
            _ = try checked(records.identity)
            return try records.acquire(lock, as: token, until: now + lease, above: floor, at: now, place: place)
        }
    }

    public func renew(_ lock: LockName, as token: HolderToken, for lease: Duration) async throws -> Renewal {
        try await server.request("renew \(lock)", by: client) { records, now in
            records.renew(lock, as: token, until: now + lease, at: now)
        }
    }

    public func release(_ lock: LockName, as token: HolderToken) async throws {
        try await server.request("release \(lock)", by: client) { records, _ in records.release(lock, as: token) }
    }

    public func waitForRelease(_ lock: LockName, within: Duration) async throws {
        try await server.change(within: within) { $0.holders[lock] == nil }
    }

    public func status(of lock: LockName) async throws -> LockStatus {
        try await server.request("read lock \(lock)", by: client) { records, now in
            records.expire(at: now)
            return LockStatus(holder: records.holders[lock]?.token, epoch: records.epochs[lock]?.epoch ?? 0)
        }
    }
}
