// SPDX-License-Identifier: Apache-2.0

/// A fleet's store in one Redis or Valkey, 5 or later, alone or behind Sentinel.
///
/// Each transaction is a script.
///
/// What it promises, alone: one holder of a lock at a time, and a stale one can change nothing, as long as this Redis
/// keeps its memory: with `appendonly yes` and `appendfsync always` (`health()` asks), also across a restart. Leases end
/// by the server's own clock: a step of it can end one early, and what its holder then writes is refused.
/// What it does not: behind Sentinel two holders are possible, and a promoted replica may lack what was accepted, even
/// give a number again. A leader steps down as soon as it sees another replication history, but only the hosts' own
/// comparison of epochs keeps the order. A Redis Cluster is refused.
public actor RedisStore: FleetStore {
    public nonisolated let place: String
    nonisolated let keys: StoreKeys
    nonisolated let connection: RedisConnection
    nonisolated let settings: RedisSettings
    /// By token: the replication history of the master that gave the lock.
    var histories: [HolderToken: String] = [:]
    nonisolated var watchesPromotion: Bool { settings.sentinelMaster != nil }
    /// Made by the first who waits; blocks there while others work.
    var watching: RedisConnection?
    /// From where the stream of changes is read on behalf of all who wait.
    var readingFrom: StreamID?
    var waiters: [UInt64: AsyncThrowingStream<Never, any Error>.Continuation] = [:]
    var nextWaiter: UInt64 = 0

    /// Opens no connection yet.
    public init(_ settings: RedisSettings, fleet: String) throws {
        self.settings = settings
        // Braces: in a cluster all of a fleet's keys lie together.
        keys = try StoreKeys(fleet: fleet) { "sluice/{\($0)}/" }
        connection = try RedisConnection(settings)
        place = settings.place
    }

    public func identity() async throws -> StoreIdentity? {
        try checked(try await connection.command("read identity", "GET", keys.store))
    }

    public func found(above floor: UInt64) async throws -> StoreIdentity {
        let wanted = StoreIdentity.random(fleet: keys.fleet)
        let record = EpochRecord.founding(above: floor)?.description ?? ""
        let reply = try await connection.script(
            "found", RedisScripts.found, keys: [keys.store, keys.epoch(.leader)],
            [Array(wanted.description.utf8), Array(String(floor).utf8), Array(record.utf8)])
        return try checked(reply) ?? wanted
    }

    public func lockEpochs() async throws -> [String: UInt64] {
        var found: [String: UInt64] = [:]
        var cursor = "0"
        repeat {
            let reply = try await connection.command(
                "list locks", "SCAN", cursor, "MATCH", keys.locks + "*/epoch", "COUNT", "1000")
            for key in reply[1].elements.compactMap(\.text) {
                guard let name = LockName.name(ofEpochPath: keys.path(of: key)) else { continue }
                found[name] = try record(try await connection.command("read a lock", "GET", key))?.epoch
            }
            cursor = reply[0].text ?? "0"
        } while cursor != "0"
        return found
    }

    public func view() async throws -> StoreView {
        let reply = try await look(.current)
        return StoreView(
            identity: try checked(reply[0]), epoch: try record(reply[1])?.epoch ?? 0,
            current: try document(reply[2], .current))
    }

    public func read(_ name: DocumentName) async throws -> Document? {
        let reply = try await look(name)
        _ = try checked(reply[0])
        return try document(reply[2], name)
    }

    private func look(_ name: DocumentName) async throws -> RedisReply {
        let (key, field) = location(name)
        return try await connection.script(
            "read \(name)", RedisScripts.view, keys: [keys.store, keys.epoch(.leader), key], [Array(field.utf8)])
    }

    public func documents(_ family: DocumentFamily) async throws -> [DocumentName: Document] {
        let reply = try await connection.command("list \(family.rawValue)", "HGETALL", keys.family(family))
        var documents: [DocumentName: Document] = [:]
        for index in stride(from: 0, to: reply.elements.count, by: 2) {
            guard let field = reply[index].text else { continue }
            let name = DocumentName(text: family.rawValue + field)
            documents[name] = try document(reply[index + 1], name)
        }
        return documents
    }

    public func write(
        _ bytes: [UInt8]?, to name: DocumentName, expecting: Expectation, as tenure: Tenure?
    ) async throws -> WriteOutcome {
        let wanted = bytes.map(Document.init)
        let (key, field) = location(name)
        let lock = tenure?.lock ?? .leader
        let expected =
            switch expecting {
            case .anything: "any"
            case .nothing: "none"
            case .digest(let digest): digest
            }
        let kept = wanted.map { Array($0.digest.utf8) + $0.bytes } ?? []
        let family = field.isEmpty ? "" : String(name.text.dropLast(field.count))
        let arguments =
            fence(tenure) + [Array(field.utf8), Array(expected.utf8), kept, Array(name.text.utf8), Array(family.utf8)]
        do {
            let reply = try await connection.script(
                "write \(name)", RedisScripts.write,
                keys: [keys.store, keys.holder(lock), keys.epoch(lock), key, marks, changes], arguments)
            return try outcome(reply, name)
        } catch StoreError.unknown(let place, let operation, let cause) {
            guard try await read(name) == wanted else {
                throw StoreError.unknown(place: place, operation: operation, cause: cause)
            }
            return .accepted
        }
    }

    private func fence(_ tenure: Tenure?) -> [[UInt8]] {
        [tenure?.store.description, tenure?.token.text, tenure?.record.description].map { Array(($0 ?? "").utf8) }
    }

    private func outcome(_ reply: RedisReply, _ name: DocumentName) throws -> WriteOutcome {
        switch reply[0].text {
        case "accepted": return .accepted
        case "fenced": return .fenced(held: try record(reply[1])?.epoch ?? 0)
        case "conflict": return .conflict(found: try document(reply[1], name))
        case "empty": throw StoreError.empty(place: place)
        default: throw StoreError.refused(place: place, operation: "write \(name)", cause: "an answer of no script")
        }
    }
}

extension RedisStore {
    public func putBlob(_ bytes: [UInt8]) async throws -> String {
        let digest = Document(bytes).digest
        let reply = try await connection.script(
            "write a blob", RedisScripts.putBlob, keys: [keys.store, keys.blob(digest), keys.blobs],
            [Array(digest.utf8), bytes])
        guard reply[0].text == "accepted" else { throw StoreError.empty(place: place) }
        return digest
    }

    public func blob(_ digest: String) async throws -> [UInt8]? {
        guard let bytes = try await connection.command("read a blob", "GET", keys.blob(digest)).bytes else {
            return nil
        }
        guard Document(bytes).digest == digest else { throw StoreError.damaged(place: place, digest: digest) }
        return bytes
    }

    public func blobs() async throws -> Set<String> {
        Set(try await connection.command("list blobs", "SMEMBERS", keys.blobs).elements.compactMap(\.text))
    }

    public func deleteBlob(_ digest: String, as tenure: Tenure) async throws -> WriteOutcome {
        let reply = try await connection.script(
            "remove a blob", RedisScripts.deleteBlob,
            keys: [
                keys.store, keys.holder(tenure.lock), keys.epoch(tenure.lock), keys.blob(digest), keys.blobs,
            ], fence(tenure) + [Array(digest.utf8)])
        return try outcome(reply, .current)
    }

}

extension RedisStore {
    var marks: String { keys.prefix + "marks" }
    var changes: String { keys.prefix + "changes" }

    /// The document's key, and its field where its family shares a hash.
    private func location(_ name: DocumentName) -> (key: String, field: String) {
        for family in DocumentFamily.allCases where name.text.hasPrefix(family.rawValue) {
            return (keys.family(family), String(name.text.dropFirst(family.rawValue.count)))
        }
        return (keys.document(name), "")
    }

    func checked(_ reply: RedisReply) throws -> StoreIdentity? {
        guard let text = reply.text else { return nil }
        guard let identity = StoreIdentity(text) else {
            throw StoreError.refused(place: place, operation: "read \(keys.store)", cause: "it holds no identity")
        }
        guard identity.fleet == keys.fleet else {
            throw StoreError.foreign(place: place, fleet: keys.fleet, found: identity.fleet)
        }
        return identity
    }

    func record(_ reply: RedisReply) throws -> EpochRecord? {
        guard let text = reply.text, !text.isEmpty else { return nil }
        guard let record = EpochRecord(text) else {
            throw StoreError.refused(place: place, operation: "read an epoch", cause: "'\(text.prefix(40))' is none")
        }
        return record
    }

    private func document(_ reply: RedisReply, _ name: DocumentName) throws -> Document? {
        guard let kept = reply.bytes else { return nil }
        let document = Document(Array(kept.dropFirst(64)))
        guard kept.count >= 64, document.digest.utf8.elementsEqual(kept.prefix(64)) else {
            throw StoreError.refused(place: place, operation: "read \(name)", cause: "its digest is another")
        }
        return document
    }
}
