// SPDX-License-Identifier: Apache-2.0

import ConsulAPI

/// A fleet's store in Consul's key-value store, by sessions and transactions.
///
/// Each write first reads what it relies on, judges it by value, and then names the indices of what it read in its
/// transaction.
///
/// What it promises: one holder of a lock at a time by its session, and a stale one can change nothing; epochs never
/// fall, also where the lock's key was deleted; what was accepted is on a quorum's disks.
/// What it does not: anything across a restored snapshot, which revives a session: there hosts refuse what is lower, and
/// the floor heals it. A dead holder's session ends up to twice its time late. A value has at most 512 KiB.
public actor ConsulStore: FleetStore {
    public nonisolated let place: String
    nonisolated let client: ConsulClient
    nonisolated let keys: StoreKeys
    /// By token: a session belongs to one tenure.
    var sessions: [HolderToken: String] = [:]

    /// - Parameter client: also others may use it; who made it shuts it down.
    public init(_ client: ConsulClient, fleet: String) throws {
        self.client = client
        keys = try StoreKeys(fleet: fleet)
        place = "consul at " + client.settings.addresses.map { "\($0)" }.joined(separator: ", ")
    }

    public func identity() async throws -> StoreIdentity? {
        try checked(try await one("read identity", keys.store))
    }

    public func found(above floor: UInt64) async throws -> StoreIdentity {
        let identity = StoreIdentity.random(fleet: keys.fleet)
        let key = keys.epoch(.leader)
        let found = try await together("found", [keys.store, key])
        if let known = try checked(found[keys.store]) { return known }
        var operations = [
            TransactionOperation.compareAndSet(key: keys.store, value: Array(identity.description.utf8), index: 0)
        ]
        if let record = EpochRecord.founding(above: floor), floor > (try self.record(found[key])?.epoch ?? 0) {
            let index = found[key]?.modifyIndex ?? 0
            operations.append(.compareAndSet(key: key, value: Array(record.description.utf8), index: index))
        }
        let outcome = try await translated("found") { [operations] in try await client.transaction(operations) }
        if case .committed = outcome { return identity }
        guard let known = try await self.identity() else {
            throw StoreError.unreachable(place: place, operation: "found", cause: "it changed meanwhile")
        }
        return known
    }

    public func lockEpochs() async throws -> [String: UInt64] {
        let values = try await translated("list locks") {
            try await client.keyValues(prefix: keys.locks, consistency: .consistent).value
        }
        var found: [String: UInt64] = [:]
        for value in values {
            guard let name = LockName.name(ofEpochPath: keys.path(of: value.key)) else { continue }
            found[name] = try record(value)?.epoch
        }
        return found
    }

    public func view() async throws -> StoreView {
        let found = try await together("read", [keys.store, keys.epoch(.leader), keys.document(.current)])
        return StoreView(
            identity: try checked(found[keys.store]), epoch: try record(found[keys.epoch(.leader)])?.epoch ?? 0,
            current: found[keys.document(.current)].map { Document($0.value) })
    }

    public func read(_ name: DocumentName) async throws -> Document? {
        try await one("read \(name)", keys.document(name)).map { Document($0.value) }
    }

    public func documents(_ family: DocumentFamily) async throws -> [DocumentName: Document] {
        let values = try await translated("list \(family.rawValue)") {
            try await client.keyValues(prefix: keys.family(family), consistency: .consistent).value
        }
        let pairs = values.map { (DocumentName(text: keys.path(of: $0.key)), Document($0.value)) }
        return Dictionary(pairs) { first, _ in first }
    }

    public func write(
        _ bytes: [UInt8]?, to name: DocumentName, expecting: Expectation, as tenure: Tenure?
    ) async throws -> WriteOutcome {
        let key = keys.document(name)
        do {
            return try await guarded("write \(name)", key, as: tenure) { found in
                let document = found.map { Document($0.value) }
                guard expecting.holds(for: document) else { return .refused(.conflict(found: document)) }
                let index = found?.modifyIndex ?? 0
                guard let bytes else {
                    return found == nil ? .nothing : .operation(.compareAndDelete(key: key, index: index))
                }
                return .operation(.compareAndSet(key: key, value: bytes, index: index))
            }
        } catch StoreError.unknown(let place, let operation, let cause) {
            guard try await read(name) == bytes.map(Document.init) else {
                throw StoreError.unknown(place: place, operation: operation, cause: cause)
            }
            return .accepted
        }
    }

    public func health() async throws -> StoreHealth {
        try await translated("read health") {
            let leader = try await client.leader()
            return StoreHealth(
                version: try await client.agent().version, problems: leader == nil ? ["its servers have no leader"] : []
            )
        }
    }
}

extension ConsulStore {
    public func putBlob(_ bytes: [UInt8]) async throws -> String {
        let digest = Document(bytes).digest
        let key = keys.blob(digest)
        _ = try await guarded("write a blob", key, as: nil) { found in
            found == nil ? .operation(.compareAndSet(key: key, value: bytes, index: 0)) : .nothing
        }
        return digest
    }

    public func blob(_ digest: String) async throws -> [UInt8]? {
        guard let found = try await one("read a blob", keys.blob(digest)) else { return nil }
        guard Document(found.value).digest == digest else { throw StoreError.damaged(place: place, digest: digest) }
        return found.value
    }

    public func blobs() async throws -> Set<String> {
        let names = try await translated("list blobs") {
            try await client.keys(prefix: keys.blobs, consistency: .consistent)
        }
        return Set(names.map { String($0.dropFirst(keys.blobs.count)) })
    }

    public func deleteBlob(_ digest: String, as tenure: Tenure) async throws -> WriteOutcome {
        let key = keys.blob(digest)
        return try await guarded("remove a blob", key, as: tenure) { _ in .operation(.delete(key: key)) }
    }
}

extension ConsulStore {
    /// What is to be done with a key as it was found.
    enum Step {
        case operation(TransactionOperation)
        /// It is as it should be; what the write relies on is proved all the same.
        case nothing
        case refused(WriteOutcome)
    }

    private static let tries = 8

    /// Reads what a write relies on, lets `step` decide, and does it if nothing of that has changed meanwhile.
    private func guarded(
        _ operation: String, _ key: String, as tenure: Tenure?, _ step: (KeyValue?) -> Step
    ) async throws -> WriteOutcome {
        for _ in 0..<Self.tries {
            let lock = tenure?.lock ?? .leader
            let relied = [keys.store] + (tenure == nil ? [] : [keys.holder(lock), keys.epoch(lock)])
            let found = try await together(operation, relied + [key])
            guard let store = found[keys.store], let identity = try checked(store) else {
                throw StoreError.empty(place: place)
            }
            var operations = [TransactionOperation.checkIndex(key: store.key, index: store.modifyIndex)]
            if let tenure {
                let record = try record(found[keys.epoch(lock)])
                guard let checks = checks(tenure, identity, found, record) else {
                    return .fenced(held: record?.epoch ?? 0)
                }
                operations += checks
            }
            switch step(found[key]) {
            case .refused(let outcome): return outcome
            case .nothing: break
            case .operation(let operation): operations.append(operation)
            }
            let outcome = try await translated(operation) { try await client.transaction(operations) }
            if case .committed = outcome { return .accepted }
        }
        throw StoreError.unreachable(place: place, operation: operation, cause: "others keep writing it")
    }

    /// That the tenure is the latest, now and in the transaction; nil where it is not.
    private func checks(
        _ tenure: Tenure, _ identity: StoreIdentity, _ found: [String: KeyValue], _ record: EpochRecord?
    ) -> [TransactionOperation]? {
        guard let holder = found[keys.holder(tenure.lock)], let session = holder.session,
            let epoch = found[keys.epoch(tenure.lock)], holder.token == tenure.token, record == tenure.record,
            identity == tenure.store
        else { return nil }
        return [
            .checkSession(key: holder.key, session: session),
            .checkIndex(key: holder.key, index: holder.modifyIndex),
            .checkIndex(key: epoch.key, index: epoch.modifyIndex),
        ]
    }

    /// Several keys at one moment; those that do not exist are left out.
    func together(_ operation: String, _ wanted: [String]) async throws -> [String: KeyValue] {
        var asked = wanted
        while !asked.isEmpty {
            let keys = asked
            let outcome = try await translated(operation) {
                try await client.transaction(keys.map { .get(key: $0) })
            }
            switch outcome {
            case .committed(let values): return Dictionary(values.map { ($0.key, $0) }) { first, _ in first }
            case .rolledBack(let failures):
                let missing = Set(failures.map(\.operation))
                guard !missing.isEmpty else {
                    throw StoreError.refused(place: place, operation: operation, cause: "rolled back without a cause")
                }
                asked = asked.indices.filter { !missing.contains($0) }.map { asked[$0] }
            }
        }
        return [:]
    }

    func one(_ operation: String, _ key: String) async throws -> KeyValue? {
        try await translated(operation) { try await client.keyValue(key, consistency: .consistent).value }
    }

    func checked(_ value: KeyValue?) throws -> StoreIdentity? {
        guard let value else { return nil }
        guard let identity = StoreIdentity(value.text) else {
            throw StoreError.refused(place: place, operation: "read \(value.key)", cause: "it holds no identity")
        }
        guard identity.fleet == keys.fleet else {
            throw StoreError.foreign(place: place, fleet: keys.fleet, found: identity.fleet)
        }
        return identity
    }

    func record(_ value: KeyValue?) throws -> EpochRecord? {
        guard let value else { return nil }
        guard let record = EpochRecord(value.text) else {
            throw StoreError.refused(place: place, operation: "read \(value.key)", cause: "it holds no epoch")
        }
        return record
    }

    /// Consul's errors as a store's.
    func translated<Value>(_ operation: String, _ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as ConsulError {
            switch error.kind {
            case .unreachable, .timedOut, .noLeader, .rateLimited:
                throw error.mayHaveHappened
                    ? StoreError.unknown(place: place, operation: operation, cause: error.cause)
                    : StoreError.unreachable(place: place, operation: operation, cause: error.cause)
            case .permission: throw StoreError.denied(place: place, operation: operation, cause: error.cause)
            case .credentials: throw StoreError.credentials(error.cause)
            case .refused, .garbage:
                throw StoreError.refused(place: place, operation: operation, cause: error.cause)
            }
        }
    }
}

extension KeyValue {
    var text: String { String(decoding: value, as: UTF8.self) }
    /// Who holds a lock's key, as long as a session does.
    var token: HolderToken? { session.map { _ in HolderToken(text: text) } }
}
