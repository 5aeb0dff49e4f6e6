// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A fleet's store in etcd, 3.4 or later, through its JSON gateway.
///
/// All reads are linearizable and all writes are transactions that compare values of ours: identity, token and epoch.
///
/// What it promises: one holder of a lock at a time by etcd's own clock, and a stale one can change nothing, also when
/// members die as long as a quorum lives; epochs never fall; what was accepted is on a quorum's disks.
/// What it does not: anything across a restore from a snapshot, where token and epoch come back: there hosts refuse what
/// is lower, and the floor heals it. Without a quorum, or out of space (`health()` says so), nobody leads.
public actor EtcdStore: FleetStore {
    public nonisolated let place: String
    let gateway: EtcdGateway
    let keys: StoreKeys
    /// By token: a lease belongs to one tenure.
    var leases: [HolderToken: String] = [:]
    /// The revision at which a document was last seen here, to compare with; a wrong one costs a request, never truth.
    private var known: [DocumentName: (digest: String?, modified: Int64)] = [:]
    private var knownIdentity: StoreIdentity?

    /// Opens no connection yet. Throws `StoreError.settings` or `.name`.
    public init(_ settings: EtcdSettings, fleet: String) throws {
        gateway = try EtcdGateway(settings)
        keys = try StoreKeys(fleet: fleet)
        place = gateway.place
    }

    public func identity() async throws -> StoreIdentity? {
        try checked(try await gateway.range(EtcdRange(keys.store)).first)
    }

    public func found(above floor: UInt64) async throws -> StoreIdentity {
        let identity = StoreIdentity.random(fleet: keys.fleet)
        let key = keys.epoch(.leader)
        let seen = try await gateway.transaction(reading: [EtcdRange(keys.store), EtcdRange(key)])
        if let known = try checked(seen.range(0)) { return known }
        var puts = [EtcdOperation.put(keys.store, Array(identity.description.utf8))]
        if let record = EpochRecord.founding(above: floor), floor > (try epochRecord(seen.range(1))?.epoch ?? 0) {
            puts.append(.put(key, Array(record.description.utf8)))
        }
        let answer = try await gateway.transaction(
            EtcdTransaction(
                compare: [.absent(keys.store), .modified(key, at: seen.range(1)?.modified ?? 0)], success: puts,
                failure: [.range(EtcdRange(keys.store))]))
        if answer.isDone { return identity }
        guard let known = try checked(answer.range(0)) else {
            throw StoreError.unreachable(place: place, operation: "found", cause: "it changed meanwhile")
        }
        return known
    }

    public func lockEpochs() async throws -> [String: UInt64] {
        var found: [String: UInt64] = [:]
        for value in try await gateway.range(EtcdRange(prefix: keys.locks)).kvs ?? [] {
            guard let name = LockName.name(ofEpochPath: keys.path(of: value.name)) else { continue }
            found[name] = try epochRecord(value)?.epoch
        }
        return found
    }

    public func view() async throws -> StoreView {
        let answer = try await gateway.transaction(
            reading: [EtcdRange(keys.store), EtcdRange(keys.epoch(.leader)), EtcdRange(keys.document(.current))])
        return StoreView(
            identity: try checked(answer.range(0)), epoch: try epochRecord(answer.range(1))?.epoch ?? 0,
            current: document(answer.range(2), .current))
    }

    public func read(_ name: DocumentName) async throws -> Document? {
        let answer = try await gateway.transaction(
            reading: [EtcdRange(keys.store), EtcdRange(keys.document(name))])
        _ = try checked(answer.range(0))
        return document(answer.range(1), name)
    }

    public func documents(_ family: DocumentFamily) async throws -> [DocumentName: Document] {
        let answer = try await gateway.range(EtcdRange(prefix: keys.family(family)))
        let pairs = (answer.kvs ?? []).map { (DocumentName(text: keys.path(of: $0.name)), Document($0.bytes)) }
        return Dictionary(pairs) { first, _ in first }
    }

    public func health() async throws -> StoreHealth {
        struct Status: Decodable, Sendable {
            let version: String?
            let dbSize: String?
            let dbSizeInUse: String?
            let header: EtcdHeader?
        }
        struct Alarms: Decodable, Sendable {
            struct Alarm: Decodable, Sendable { let alarm: String? }
            let alarms: [Alarm]?
        }
        let status: Status = try await gateway.read("maintenance/status", [String: String]())
        let alarms: Alarms = try await gateway.read("maintenance/alarm", ["action": "GET"])
        let raised = (alarms.alarms ?? []).compactMap(\.alarm).map { alarm in
            alarm == "NOSPACE"
                ? "etcd is out of space, nobody can lead: etcdctl compact REVISION && etcdctl defrag && etcdctl alarm disarm"
                : "etcd raises the alarm \(alarm)"
        }
        let bytes = status.dbSize.flatMap { UInt64($0) }
        let space = EtcdSpace(bytes: bytes ?? 0, used: status.dbSizeInUse.flatMap { UInt64($0) } ?? 0)
        let keeps = try await keepsAllHistory(at: status.header?.number ?? 0)
        let problems = raised + space.problems + (keeps ? [EtcdSpace.uncompacted] : [])
        return StoreHealth(version: status.version, bytes: bytes, problems: problems)
    }

    /// Whether what was so many changes ago can still be read: the gateway does not tell how etcd compacts.
    private func keepsAllHistory(at revision: Int64) async throws -> Bool {
        struct Range: Encodable, Sendable {
            let key: Data
            let revision: String
            let limit = "1"
        }
        guard revision > EtcdSpace.changes else { return false }
        let old = Range(key: Data(keys.store.utf8), revision: String(revision - EtcdSpace.changes))
        do {
            let _: EtcdRangeAnswer = try await gateway.read("kv/range", old)
            return true
        } catch StoreError.refused {
            return false
        }
    }

    func checked(_ value: EtcdValue?) throws -> StoreIdentity? {
        guard let value else {
            knownIdentity = nil
            return nil
        }
        guard let identity = StoreIdentity(value.text) else {
            throw StoreError.refused(place: place, operation: "read \(keys.store)", cause: "it holds no identity")
        }
        guard identity.fleet == keys.fleet else {
            throw StoreError.foreign(place: place, fleet: keys.fleet, found: identity.fleet)
        }
        knownIdentity = identity
        return identity
    }

    func epochRecord(_ value: EtcdValue?) throws -> EpochRecord? {
        guard let value else { return nil }
        guard let record = EpochRecord(value.text) else {
            throw StoreError.refused(place: place, operation: "read \(value.name)", cause: "it holds no epoch")
        }
        return record
    }

    private func document(_ value: EtcdValue?, _ name: DocumentName) -> Document? {
        let document = value.map { Document($0.bytes) }
        known[name] = (document?.digest, value?.modified ?? 0)
        return document
    }
}

extension EtcdStore {
    public func write(
        _ bytes: [UInt8]?, to name: DocumentName, expecting: Expectation, as tenure: Tenure?
    ) async throws -> WriteOutcome {
        let wanted = bytes.map(Document.init)
        for _ in 0..<Self.tries {
            guard let compare = try compares(name, expecting, tenure) else {
                if let outcome = try await look(name, expecting, tenure) { return outcome }
                continue
            }
            do {
                let key = keys.document(name)
                let answer = try await gateway.transaction(
                    EtcdTransaction(
                        compare: compare, success: [bytes.map { .put(key, $0) } ?? .delete(key)],
                        failure: ranges(name, tenure).map { .range($0) }))
                if answer.isDone {
                    known[name] = (wanted?.digest, wanted == nil ? 0 : answer.header?.number ?? 0)
                    return .accepted
                }
                if let outcome = try judge(answer, name, expecting, tenure) { return outcome }
            } catch StoreError.unknown(let place, let operation, let cause) {
                guard try await read(name) == wanted else {
                    throw StoreError.unknown(place: place, operation: operation, cause: cause)
                }
                return .accepted
            }
        }
        throw StoreError.unreachable(place: place, operation: "write \(name)", cause: "others keep writing it")
    }

    /// How often a writer that expects anything, or the same bytes at another revision, tries again.
    private static let tries = 5

    /// What the write relies on; nil where it must be looked up first.
    private func compares(_ name: DocumentName, _ expecting: Expectation, _ tenure: Tenure?) throws -> [EtcdCompare]? {
        guard let identity = tenure?.store ?? knownIdentity else { return nil }
        var compares = [EtcdCompare.value(keys.store, is: identity.description)]
        if let tenure { compares += fence(tenure) }
        switch expecting {
        case .anything: break
        case .nothing: compares.append(.modified(keys.document(name), at: 0))
        case .digest(let digest):
            guard let known = known[name], known.digest == digest else { return nil }
            compares.append(.modified(keys.document(name), at: known.modified))
        }
        return compares
    }

    private func fence(_ tenure: Tenure) -> [EtcdCompare] {
        [
            .value(keys.holder(tenure.lock), is: tenure.token.text),
            .value(keys.epoch(tenure.lock), is: tenure.record.description),
        ]
    }

    private func ranges(_ name: DocumentName?, _ tenure: Tenure?) -> [EtcdRange] {
        let lock = tenure?.lock ?? .leader
        return [keys.store, keys.epoch(lock), keys.holder(lock)].map { EtcdRange($0) }
            + (name.map { [EtcdRange(keys.document($0))] } ?? [])
    }

    private func look(
        _ name: DocumentName, _ expecting: Expectation, _ tenure: Tenure?
    ) async throws -> WriteOutcome? {
        try judge(try await gateway.transaction(reading: ranges(name, tenure)), name, expecting, tenure)
    }

    /// Why a write was refused; nil where nothing stands against it any more.
    private func judge(
        _ answer: EtcdTransactionAnswer, _ name: DocumentName, _ expecting: Expectation, _ tenure: Tenure?
    ) throws -> WriteOutcome? {
        if let refusal = try fenced(answer, tenure) { return refusal }
        let found = document(answer.range(3), name)
        return expecting.holds(for: found) ? nil : .conflict(found: found)
    }

    private func fenced(_ answer: EtcdTransactionAnswer, _ tenure: Tenure?) throws -> WriteOutcome? {
        guard let identity = try checked(answer.range(0)) else { throw StoreError.empty(place: place) }
        guard let tenure else { return nil }
        let record = try epochRecord(answer.range(1))
        let isCurrent =
            record == tenure.record && answer.range(2)?.text == tenure.token.text && identity == tenure.store
        return isCurrent ? nil : .fenced(held: record?.epoch ?? 0)
    }
}

extension EtcdStore {
    public func putBlob(_ bytes: [UInt8]) async throws -> String {
        let digest = Document(bytes).digest
        let key = keys.blob(digest)
        for _ in 0..<Self.tries {
            guard let identity = try await knownOrRead() else { throw StoreError.empty(place: place) }
            let answer = try await gateway.transaction(
                EtcdTransaction(
                    compare: [.value(keys.store, is: identity.description), .absent(key)],
                    success: [.put(key, bytes)],
                    failure: [.range(EtcdRange(keys.store)), .range(EtcdRange(key).withoutValues)]))
            if answer.isDone { return digest }
            guard try checked(answer.range(0)) != nil else { throw StoreError.empty(place: place) }
            if answer.range(1) != nil { return digest }
        }
        throw StoreError.unreachable(place: place, operation: "write a blob", cause: "the store changes its identity")
    }

    private func knownOrRead() async throws -> StoreIdentity? {
        if let knownIdentity { return knownIdentity }
        return try await identity()
    }

    public func blob(_ digest: String) async throws -> [UInt8]? {
        guard let value = try await gateway.range(EtcdRange(keys.blob(digest))).first else { return nil }
        guard Document(value.bytes).digest == digest else { throw StoreError.damaged(place: place, digest: digest) }
        return value.bytes
    }

    public func blobs() async throws -> Set<String> {
        let answer = try await gateway.range(EtcdRange(prefix: keys.blobs).withoutValues)
        return Set((answer.kvs ?? []).map { String($0.name.dropFirst(keys.blobs.count)) })
    }

    public func deleteBlob(_ digest: String, as tenure: Tenure) async throws -> WriteOutcome {
        let answer = try await gateway.transaction(
            EtcdTransaction(
                compare: [.value(keys.store, is: tenure.store.description)] + fence(tenure),
                success: [.delete(keys.blob(digest))], failure: ranges(nil, tenure).map { .range($0) }))
        if answer.isDone { return .accepted }
        return try fenced(answer, tenure) ?? .fenced(held: tenure.epoch)
    }
}
