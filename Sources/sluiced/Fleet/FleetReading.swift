// SPDX-License-Identifier: Apache-2.0

import Reconciler

/// What a fleet's documents say, for people who look.
struct FleetReading: Sendable {
    let papers: any FleetDocuments

    func desired() async throws -> (found: StoredDocument, document: DesiredDocument)? {
        guard let found = try await papers.read(.desired) else { return nil }
        return (found, try DesiredDocument(bytes: found.bytes))
    }

    /// What was desired when this generation was published; nil where it is not known any more.
    func desired(at number: UInt64) async throws -> DesiredDocument? {
        guard let entry = try await history().entry(of: number), let bytes = try await papers.blob(entry.desired)
        else { return nil }
        return try DesiredDocument(bytes: bytes)
    }

    func history() async throws -> HistoryDocument {
        guard let found = try await papers.read(.history) else { return HistoryDocument() }
        return try HistoryDocument(bytes: found.bytes)
    }

    func rollout() async throws -> RolloutDocument {
        guard let found = try await papers.read(.rollout) else { return RolloutDocument() }
        return RolloutDocument(looking: found.bytes)
    }
}
