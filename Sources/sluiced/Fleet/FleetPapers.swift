// SPDX-License-Identifier: Apache-2.0

import Coordination
import Reconciler

/// The documents beside the generations, in the fleet's store.
struct FleetPapers: FleetDocuments {
    let store: any FleetStore

    private static let patience = Duration.seconds(30)

    func read(_ key: FleetKey) async throws -> StoredDocument? {
        try await store.read(try DocumentName(key)).map(StoredDocument.init)
    }

    func all(_ scope: FleetScope) async throws -> [FleetKey: StoredDocument] {
        switch scope {
        case .desired: try await one(.desired)
        case .rollout: try await one(.rollout)
        case .overrides: try await family(.overrides, FleetKey.override)
        case .hosts: try await family(.hosts, FleetKey.host)
        }
    }

    func follow(
        _ scope: FleetScope, _ body: @escaping @Sendable ([FleetKey: StoredDocument]) async -> Void
    ) async throws {
        var mark: ChangeMark?
        var last: [FleetKey: StoredDocument]?
        while true {
            try Task.checkCancellation()
            // The mark before the documents: what changes between the two is seen twice and never missed.
            mark = try await store.changed(ChangeScope(scope), since: mark, within: Self.patience)
            let documents = try await all(scope)
            if documents != last { await body(documents) }
            last = documents
        }
    }

    func write(_ bytes: [UInt8]?, to key: FleetKey, expecting: ExpectedDocument) async throws -> DocumentWrite {
        let outcome = try await store.write(
            bytes, to: try DocumentName(key), expecting: Expectation(expecting), as: nil)
        guard let answer = DocumentWrite(outcome) else {
            throw StoreError.refused(place: store.place, operation: "write \(key)", cause: "\(outcome)")
        }
        return answer
    }

    func putBlob(_ bytes: [UInt8]) async throws -> String { try await store.putBlob(bytes) }
    func blob(_ digest: String) async throws -> [UInt8]? { try await store.blob(digest) }
    func blobs() async throws -> Set<String> { try await store.blobs() }

    private func one(_ key: FleetKey) async throws -> [FleetKey: StoredDocument] {
        guard let document = try await read(key) else { return [:] }
        return [key: document]
    }

    private func family(
        _ family: DocumentFamily, _ key: (String) -> FleetKey
    ) async throws -> [FleetKey: StoredDocument] {
        let documents = try await store.documents(family)
        return Dictionary(documents.map { (key($0.key.lastPart), StoredDocument($0.value)) }) { first, _ in first }
    }
}

extension StoredDocument {
    init(_ document: Document) { self.init(bytes: document.bytes, digest: document.digest) }
}

extension DocumentName {
    init(_ key: FleetKey) throws {
        switch key {
        case .desired: self = .desired
        case .rollout: self = .rollout
        case .history: self = .history
        case .override(let id): self = try .override(id)
        case .host(let name): self = try .host(name)
        }
    }
}

extension ChangeScope {
    init(_ scope: FleetScope) {
        switch scope {
        case .desired: self = .document(.desired)
        case .rollout: self = .document(.rollout)
        case .overrides: self = .family(.overrides)
        case .hosts: self = .family(.hosts)
        }
    }
}

extension Expectation {
    init(_ expected: ExpectedDocument) {
        switch expected {
        case .anything: self = .anything
        case .nothing: self = .nothing
        case .digest(let digest): self = .digest(digest)
        }
    }
}

extension DocumentWrite {
    /// Nil of a write that the store fenced off.
    init?(_ outcome: WriteOutcome) {
        switch outcome {
        case .accepted: self = .accepted
        case .conflict(let found): self = .conflict(found: found.map(StoredDocument.init))
        case .fenced: return nil
        }
    }
}
