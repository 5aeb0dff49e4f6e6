// SPDX-License-Identifier: Apache-2.0

import Model
import Storage

@testable import Reconciler

/// A fleet's store as a value, with the transactions of the real ones: each call is one of them.
struct ModelStore {
    struct Refused: Error {
        let refusal: PublishRefusal
    }

    var identity: FleetIdentity? = FleetIdentity(fleet: "edge", id: "one")
    var epoch: UInt64 = 0
    /// Whose epoch that is.
    var token: String?
    /// Who has the lease, and until when.
    var lease: (token: String, until: Duration)?
    /// A broken lock: it is everybody's. Epochs still count.
    var grantsToEverybody = false
    var current: Publication?
    var kept: [String: Publication] = [:]
    var documents: [FleetKey: StoredDocument] = [:]
    var blobs: [String: [UInt8]] = [:]
    /// All that was ever published or kept, in order, with who did it.
    var log: [(mark: Mark, token: String)] = []
    var fenced = 0

    /// The epoch of a new leadership; nil where another holds the lease.
    mutating func acquire(_ token: String, above floor: UInt64, until: Duration, now: Duration) -> UInt64? {
        guard identity != nil else { return nil }
        if let lease, lease.until > now, !grantsToEverybody { return nil }
        epoch = max(epoch, floor) + 1
        self.token = token
        lease = (token, until)
        return epoch
    }

    /// Whether the lease goes on.
    mutating func renew(_ token: String, until: Duration, now: Duration) -> Bool {
        if grantsToEverybody { return true }
        guard let held = lease, held.token == token, held.until > now else { return false }
        lease = (token, until)
        return true
    }

    mutating func release(_ token: String) {
        if lease?.token == token { lease = nil }
    }

    mutating func publish(
        _ generation: Generation, expecting predecessor: Mark?, as token: String, now: Duration
    ) throws -> Publication {
        try fence(token, generation.epoch, now)
        guard current?.mark == predecessor else {
            throw Refused(refusal: .conflict(expected: predecessor, found: current?.mark))
        }
        let publication = Publication(of: generation)
        current = publication
        log.append((publication.mark, token))
        return publication
    }

    mutating func keep(_ generation: Generation, as token: String, now: Duration) throws -> Publication {
        let publication = Publication(of: generation)
        kept[publication.digest] = publication
        return publication
    }

    mutating func write(
        _ bytes: [UInt8]?, to key: FleetKey, expecting: ExpectedDocument,
        as leader: (token: String, epoch: UInt64)? = nil,
        now: Duration = .zero
    ) throws -> DocumentWrite {
        if let leader { try fence(leader.token, leader.epoch, now) }
        let found = documents[key]
        let holds =
            switch expecting {
            case .anything: true
            case .nothing: found == nil
            case .digest(let digest): found?.digest == digest
            }
        guard holds else { return .conflict(found: found) }
        documents[key] = bytes.map { StoredDocument(bytes: $0, digest: Digest.sha256hex($0)) }
        return .accepted
    }

    private mutating func fence(_ token: String, _ epoch: UInt64, _ now: Duration) throws {
        let holds = grantsToEverybody || lease.map { $0.token == token && $0.until > now } ?? false
        guard holds, self.token == token, self.epoch == epoch else {
            fenced += 1
            throw Refused(refusal: .fenced(epoch: epoch, held: self.epoch))
        }
    }

    /// What a person's command does: edits the rollout by compare-and-swap.
    mutating func editRollout(_ edit: (inout RolloutDocument) -> Void) {
        let found = documents[.rollout]
        var document = rolloutDocument
        edit(&document)
        guard found?.bytes != document.bytes else { return }
        documents[.rollout] = StoredDocument(bytes: document.bytes, digest: Digest.sha256hex(document.bytes))
    }

    var rolloutDocument: RolloutDocument {
        guard let found = documents[.rollout] else { return RolloutDocument() }
        do { return try RolloutDocument(bytes: found.bytes) } catch { preconditionFailure("\(error)") }
    }

    var rollout: Rollout? { rolloutDocument.rollout }
}
