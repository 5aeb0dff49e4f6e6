// SPDX-License-Identifier: Apache-2.0

import Logging
import Model
import Storage

/// Why a change of what the fleet does was not accepted.
public enum FleetRefusal: Error, Hashable, CustomStringConvertible {
    /// A canary waits for `confirm` or `rollback`.
    case rolloutUnderWay(id: String, author: String)
    case noRollout
    case frozen(by: String, reason: String)
    case notFrozen
    /// The history does not go back so far; the oldest that it knows.
    case unknownGeneration(UInt64, oldest: UInt64?)
    case nothingToDo(String)
    case unknownHosts([String])
    /// Others kept writing the same document.
    case overtaken(FleetKey)
    case liveHost(String)
    case unknownHost(String)
    /// Nobody knows what it says.
    case unreadableRollout(String)

    public var description: String {
        switch self {
        case .rolloutUnderWay(let id, let author):
            "rollout \(id) of \(author) is under way: sluicectl confirm, or sluicectl rollback"
        case .noRollout: "no rollout is under way"
        case .frozen(let author, let reason): "the fleet is frozen by \(author): \(reason); sluicectl thaw"
        case .notFrozen: "the fleet is not frozen"
        case .unknownGeneration(let number, let oldest):
            "what generation \(number) was made of is not known"
                + (oldest.map { "; the history begins with generation \($0)" } ?? ": there is no history yet")
        case .nothingToDo(let why): why
        case .unknownHosts(let names): "no host reports as \(names.joined(separator: ", "))"
        case .overtaken(let key): "others write \(key) at the same time: try again"
        case .liveHost(let name): "host \(name) still reports: end its sluiced first"
        case .unknownHost(let name): "no host reports as \(name)"
        case .unreadableRollout(let cause):
            "the rollout in the store cannot be read (\(cause)), and nothing is published: "
                + "sluicectl rollback removes it, sluicectl apply FILE puts a document in its place"
        }
    }
}

/// What became of an `apply` or a `rollback`.
public struct AppliedDocument: Hashable, Sendable {
    public var version: UInt64
    public var digest: String
    /// Of the canary that it begins with; nil where it is for all hosts at once.
    public var rollout: String?
    /// Nothing is published before `thaw`.
    public var isFrozen: Bool
}

// What people ask of a fleet, on whichever host they are.
extension Reconciler {
    /// Puts a services document in the place of the one that is desired; with hosts or a time to confirm it in, as a
    /// canary. An empty list of hosts with a time means all of them.
    ///
    /// Throws what `parse` throws, a `ValidationError` where it cannot become a generation on this host, `FleetRefusal`.
    public func apply(
        _ text: String, by author: String, canary hosts: [String] = [], confirmWithin: Duration? = nil,
        note: String? = nil
    ) async throws -> AppliedDocument {
        guard let documents = ports.documents, let fleet else { throw NoSharedStore() }
        let state = try fleet.parse(text)
        try check(state)
        for _ in 0..<Self.tries {
            let found = try await documents.read(.desired)
            let version = try found.map { try DesiredDocument(bytes: $0.bytes).version } ?? 0
            let document = DesiredDocument(
                version: version + 1, author: author, at: clock.now.utc, document: text, note: note)
            let digest = try await documents.putBlob(document.bytes)
            let (rollout, isFrozen, isUnreadable) = try await startable(
                isCanary: !hosts.isEmpty || confirmWithin != nil)
            var answer = AppliedDocument(version: version + 1, digest: digest, isFrozen: isFrozen)
            if !hosts.isEmpty || confirmWithin != nil {
                try await known(hosts, documents)
                answer.rollout = try await begin(
                    Rollout(
                        id: String(digest.prefix(8)) + "-\(version + 1)", hosts: hosts.sorted(), from: found?.digest,
                        to: digest, author: author, at: clock.now.utc,
                        remaining: (confirmWithin ?? Self.confirmWithin).components.seconds), over: rollout)
                return answer
            }
            let expected = found.map { ExpectedDocument.digest($0.digest) } ?? .nothing
            if try await documents.write(document.bytes, to: .desired, expecting: expected) == .accepted {
                audit("applied", author, ["version": "\(version + 1)", "digest": "\(digest)"])
                // Afterwards: what was desired before is not published once more.
                if isUnreadable { try await discardRollout(by: author) }
                return answer
            }
        }
        throw FleetRefusal.overtaken(.desired)
    }

    static let tries = 8
    /// A canary that nobody gave a time.
    public static let confirmWithin = Duration.seconds(600)

    /// What stands against a document on this host, with what it knows of the catalog.
    public func check(_ document: DesiredState) throws(ValidationError) {
        let resolution = document.resolved(
            by: leader.catalog, overrides: leader.overrides, after: host.current?.generation,
            before: leader.desired?.state, now: clock.now.utc)
        _ = try Generation.next(
            desired: resolution.desired, overrides: resolution.overrides, previous: host.current?.generation,
            epoch: 0, seed: host.current?.generation.seed ?? 0, now: clock.now.utc)
    }

    private func startable(isCanary: Bool) async throws -> (StoredDocument?, isFrozen: Bool, isUnreadable: Bool) {
        let found = try await ports.documents?.read(.rollout)
        let document: RolloutDocument?
        do { document = try found.map { try RolloutDocument(bytes: $0.bytes) } } catch { return (found, false, true) }
        if let rollout = document?.rollout, !rollout.isOver {
            throw FleetRefusal.rolloutUnderWay(id: rollout.id, author: rollout.author)
        }
        if isCanary, let frozen = document?.frozen {
            throw FleetRefusal.frozen(by: frozen.author, reason: frozen.reason)
        }
        return (found, document?.frozen != nil, false)
    }

    private func known(_ hosts: [String], _ documents: any FleetDocuments) async throws {
        let all = try await documents.all(.hosts)
        let unknown = hosts.filter { all[.host($0)] == nil }
        guard unknown.isEmpty else { throw FleetRefusal.unknownHosts(unknown.sorted()) }
    }

    private func begin(_ rollout: Rollout, over found: StoredDocument?) async throws -> String {
        guard let documents = ports.documents else { throw NoSharedStore() }
        var document = RolloutDocument()
        do { document = try found.map { try RolloutDocument(bytes: $0.bytes) } ?? document } catch {
            audit("unreadable rollout replaced", rollout.author, ["cause": "\(error)"])
        }
        document.rollout = rollout
        let expected = found.map { ExpectedDocument.digest($0.digest) } ?? .nothing
        guard try await documents.write(document.bytes, to: .rollout, expecting: expected) == .accepted else {
            throw FleetRefusal.overtaken(.rollout)
        }
        let hosts = rollout.hosts.isEmpty ? "all" : rollout.hosts.joined(separator: " ")
        audit(
            "canary begun", rollout.author,
            ["rollout": "\(rollout.id)", "hosts": "\(hosts)", "digest": "\(rollout.to)"])
        return rollout.id
    }

    /// The canary's document becomes what the fleet desires. Of this and a rollback at the same time the store takes one.
    public func confirm(by author: String) async throws {
        let id = try await decide(.confirmed, "confirmed by \(author)")
        audit("confirmed", author, ["rollout": "\(id)"])
    }

    /// Ends the canary that is under way; without one it is refused, for a second one, typed after a time-out or beside a
    /// confirmation, would take back what nobody meant.
    ///
    /// With a number, desires again what that generation was made of, as a new, higher one with today's catalog.
    public func rollback(to number: UInt64? = nil, by author: String) async throws -> AppliedDocument? {
        guard let documents = ports.documents else { throw NoSharedStore() }
        guard let number else {
            do {
                let id = try await decide(.rolledBack, "rolled back by \(author)")
                audit("rolled back", author, ["rollout": "\(id)"])
                return nil
            } catch FleetRefusal.unreadableRollout {
                try await discardRollout(by: author)
                return nil
            } catch FleetRefusal.noRollout {
                throw FleetRefusal.nothingToDo(
                    "no rollout is under way; to go back: sluicectl rollback N, of  sluicectl generation list")
            }
        }
        let history = try await documents.read(.history).map { try HistoryDocument(bytes: $0.bytes) }
        let entries = history?.entries ?? []
        let newest = max(host.highWater?.number ?? 0, entries.last?.number ?? 0)
        if number > newest {
            throw FleetRefusal.nothingToDo("generation \(number) was never published; the newest is \(newest)")
        }
        let now = try await documents.read(.desired)?.digest
        guard let entry = history?.entry(of: number) else {
            throw FleetRefusal.unknownGeneration(number, oldest: entries.first?.number)
        }
        guard entry.desired != now else {
            throw FleetRefusal.nothingToDo("generation \(number) was made of what is desired now")
        }
        guard let bytes = try await documents.blob(entry.desired) else {
            throw FleetRefusal.unknownGeneration(entry.number, oldest: entries.first?.number)
        }
        let document = try DesiredDocument(bytes: bytes)
        return try await apply(
            document.document, by: author, note: "rollback to generation \(number)")
    }

    /// Stops every publication; what runs goes on, and hosts still take out what their probes see down.
    public func freeze(reason: String, by author: String) async throws {
        try await change { document in
            if let rollout = document.rollout, !rollout.isOver {
                throw FleetRefusal.rolloutUnderWay(id: rollout.id, author: rollout.author)
            }
            if let frozen = document.frozen {
                throw FleetRefusal.frozen(by: frozen.author, reason: frozen.reason)
            }
            document.frozen = Freeze(author: author, at: clock.now.utc, reason: reason)
        }
        audit("frozen", author, ["reason": "\(reason)"])
    }

    public func thaw(by author: String) async throws {
        try await change { document in
            guard document.frozen != nil else { throw FleetRefusal.notFrozen }
            document.frozen = nil
        }
        audit("thawed", author, [:])
    }

    private func decide(_ state: Rollout.State, _ reason: String) async throws -> String {
        var id = ""
        try await change { document in
            guard var rollout = document.rollout,
                rollout.state == .canary || state == .rolledBack && isStuck(rollout)
            else { throw FleetRefusal.noRollout }
            rollout.state = state
            rollout.reason = reason
            id = rollout.id
            document.rollout = rollout
        }
        return id
    }

    /// Puts an empty document in the place of one that cannot be read, whatever it said.
    private func discardRollout(by author: String) async throws {
        guard let documents = ports.documents, let found = try await documents.read(.rollout) else { return }
        do { _ = try RolloutDocument(bytes: found.bytes) } catch {
            let outcome = try await documents.write(
                RolloutDocument().bytes, to: .rollout, expecting: .digest(found.digest))
            guard outcome == .accepted else { throw FleetRefusal.overtaken(.rollout) }
            audit("unreadable rollout removed", author, ["cause": "\(error)"])
        }
    }

    /// Confirmed, and what was confirmed cannot be read here: nobody carries it out.
    private func isStuck(_ rollout: Rollout) -> Bool {
        leader.rollout.trouble != nil && leader.rollout.document.rollout?.id == rollout.id
    }

    /// The leader writes it too, every few seconds: a decision is made on what is there then, again where that changed.
    private func change(_ edit: (inout RolloutDocument) throws -> Void) async throws {
        guard let documents = ports.documents else { throw NoSharedStore() }
        for _ in 0..<Self.tries {
            let found = try await documents.read(.rollout)
            var document: RolloutDocument
            do { document = try found.map { try RolloutDocument(bytes: $0.bytes) } ?? RolloutDocument() } catch {
                throw FleetRefusal.unreadableRollout("\(error)")
            }
            try edit(&document)
            let expected = found.map { ExpectedDocument.digest($0.digest) } ?? .nothing
            if try await documents.write(document.bytes, to: .rollout, expecting: expected) == .accepted { return }
        }
        throw FleetRefusal.overtaken(.rollout)
    }

    // MARK: - Hosts and exceptions

    /// What each host says of itself, by name.
    public func hosts() async throws -> [HostReport] {
        guard let documents = ports.documents else { throw NoSharedStore() }
        return try await documents.all(.hosts).values.map { try HostReport(bytes: $0.bytes) }
            .sorted { $0.host < $1.host }
    }

    /// Removes the report of a host that is gone for good. One that still lives would only write it again.
    public func forget(_ name: String, by author: String) async throws {
        guard let documents = ports.documents else { throw NoSharedStore() }
        guard let found = try await documents.read(.host(name)) else { throw FleetRefusal.unknownHost(name) }
        if leader.epoch != nil, leader.register.isLive(name, at: clock.now.uptime) { throw FleetRefusal.liveHost(name) }
        let outcome = try await documents.write(nil, to: .host(name), expecting: .digest(found.digest))
        guard outcome == .accepted else { throw FleetRefusal.liveHost(name) }
        audit("host forgotten", author, ["name": "\(name)"])
    }

    func write(_ override: Override, to documents: any FleetDocuments) async throws {
        let id = "\(String(UInt64.random(in: 0 ... .max), radix: 16))"
        let before = try await exceptions(of: override.service, override.backend, in: documents)
        let document = OverrideDocument(override, at: clock.now.utc)
        let key = before.keys.min { "\($0)" < "\($1)" } ?? .override(id)
        let expected = before[key].map { ExpectedDocument.digest($0.digest) } ?? .nothing
        guard try await documents.write(document.bytes, to: key, expecting: expected) == .accepted else {
            throw FleetRefusal.overtaken(key)
        }
        audit(
            "backend drained", override.author,
            ["backend": "\(override.service)/\(override.backend)", "reason": "\(override.reason)"])
    }

    func lift(_ name: BackendName, in documents: any FleetDocuments) async throws {
        let found = try await exceptions(of: name.service, name.backend, in: documents)
        guard !found.isEmpty else { throw DrainRefusal.notDrained(name) }
        for (key, stored) in found {
            guard try await documents.write(nil, to: key, expecting: .digest(stored.digest)) == .accepted else {
                throw FleetRefusal.overtaken(key)
            }
        }
        logger.notice("drain lifted", metadata: ["backend": "\(name)"])
    }

    private func exceptions(
        of service: String, _ backend: String, in documents: any FleetDocuments
    ) async throws -> [FleetKey: StoredDocument] {
        try await documents.all(.overrides).filter { key, stored in
            var effect = OverrideDocument.effect(of: stored.bytes)
            if effect == nil, case .override(let id) = key { effect = leader.exceptions[id]?.override }
            return effect?.service == service && effect?.backend == backend
        }
    }

    /// Who did what, with the digest where there is one.
    private func audit(_ what: Logger.Message, _ who: String, _ metadata: Logger.Metadata) {
        logger.notice(what, metadata: metadata.merging(["by": "\(who)"]) { own, _ in own })
    }
}
