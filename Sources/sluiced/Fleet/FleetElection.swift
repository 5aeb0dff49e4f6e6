// SPDX-License-Identifier: Apache-2.0

import Coordination
import Model
import Reconciler

/// Stands for election in the fleet's store.
struct FleetElection: LeaderElection {
    let election: Election
    let generations: FleetGenerations
    let store: any FleetStore

    func lead(
        above floor: @escaping @Sendable () async -> UInt64,
        _ body: @escaping @Sendable (any FencedWriter) async -> Void
    ) async throws {
        try await election.lead(above: floor) { leadership in
            try await generations.begin()
            await body(FleetWriter(leadership: leadership, generations: generations, store: store))
        }
    }
}

/// Of a host that follows and never leads.
struct NoCandidate: LeaderElection {
    func lead(
        above floor: @escaping @Sendable () async -> UInt64,
        _ body: @escaping @Sendable (any FencedWriter) async -> Void
    ) async throws {
        try await forever(holding: self)
        try Task.checkCancellation()
    }
}

/// What a leader writes: each write is fenced by its tenure in the store's own transaction.
struct FleetWriter: FencedWriter {
    let leadership: Leadership
    let generations: FleetGenerations
    let store: any FleetStore

    var epoch: UInt64 { leadership.epoch }
    var remaining: Duration? { leadership.gate.remaining }

    func publish(_ generation: Generation, expecting predecessor: Mark?) async throws -> Publication {
        // Blobs first: a manifest never names what is not there.
        let bytes = try await generations.prepare(generation)
        let outcome = try await store.publish(bytes, as: try fence(), replacing: predecessor?.digest)
        switch outcome {
        case .accepted:
            let publication = Publication(generation: generation, digest: Document(bytes).digest)
            await generations.published(publication)
            return publication
        case .fenced(let held): throw PublishRefusal.fenced(epoch: epoch, held: held)
        case .conflict(let found): throw PublishRefusal.conflict(expected: predecessor, found: found.flatMap(Mark.init))
        }
    }

    func keep(_ generation: Generation) async throws -> Publication {
        let bytes = try await generations.prepare(generation)
        _ = try fence()
        return Publication(generation: generation, digest: try await store.putBlob(bytes))
    }

    func write(_ bytes: [UInt8]?, to key: FleetKey, expecting: ExpectedDocument) async throws -> DocumentWrite {
        let outcome = try await store.write(
            bytes, to: try DocumentName(key), expecting: Expectation(expecting), as: try fence())
        guard let answer = DocumentWrite(outcome) else { throw refusal(outcome) }
        return answer
    }

    func deleteBlobs(_ digests: Set<String>) async throws {
        // Before: one that is written again meanwhile is then written in earnest.
        await generations.forget(digests)
        for digest in digests.sorted() {
            let outcome = try await store.deleteBlob(digest, as: try fence())
            guard outcome == .accepted else { throw refusal(outcome) }
        }
    }

    private func fence() throws -> Tenure {
        do {
            return try leadership.fence()
        } catch {
            throw PublishRefusal.fenced(epoch: epoch, held: epoch)
        }
    }

    private func refusal(_ outcome: WriteOutcome) -> PublishRefusal {
        if case .fenced(let held) = outcome { return .fenced(epoch: epoch, held: held) }
        return .fenced(epoch: epoch, held: epoch)
    }
}

extension Mark {
    /// Nil where the document is no manifest that this version can read.
    init?(_ document: Document) {
        do {
            let manifest = try Generation.Manifest(document.bytes)
            self.init(epoch: manifest.epoch, number: manifest.number, digest: document.digest)
        } catch {
            return nil
        }
    }
}
