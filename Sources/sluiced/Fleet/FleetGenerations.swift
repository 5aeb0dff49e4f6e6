// SPDX-License-Identifier: Apache-2.0

import Coordination
import Model
import Reconciler
import Storage

/// Generations in a fleet's store: a manifest under `current`, and a blob a service that is named by its digest.
actor FleetGenerations: GenerationStore {
    private let store: any FleetStore
    private var latest: Publication?
    /// Services that were read or written, by their blob's digest; of the last two generations alone.
    private var services: [String: PlacedService] = [:]
    /// Digests of blobs that are known to lie in this store, while this host leads.
    private var stored: (identity: StoreIdentity?, digests: Set<String>) = (nil, [])

    /// Requests at once. The store is one for the whole fleet.
    private static let breadth = 16
    /// How long a watch is silent before it is asked whether it still lives.
    private static let patience = Duration.seconds(30)

    init(_ store: any FleetStore) { self.store = store }

    func state() async throws -> StoreState {
        let view = try await store.view()
        guard let identity = view.identity else { throw StoreError.empty(place: store.place) }
        noteIdentity(identity)
        let current: Publication?
        do {
            current = if let document = view.current { try await publication(document) } else { nil }
        } catch let unreadable as UnreadableGeneration {
            throw StoreError.refused(
                place: store.place, operation: "read what is published", cause: unreadable.description)
        }
        return StoreState(identity: FleetIdentity(identity), epoch: view.epoch, current: current)
    }

    func state(after known: StoreState) async throws -> StoreState {
        var mark: ChangeMark?
        while true {
            try Task.checkCancellation()
            let next = try await store.changed(.document(.current), since: mark, within: Self.patience)
            let state = try await state()
            if state.identity != known.identity || state.current?.mark != known.current?.mark { return state }
            mark = next
        }
    }

    func kept(_ digest: String) async throws -> Publication? {
        if let latest, latest.digest == digest { return latest }
        guard let bytes = try await store.blob(digest) else { return nil }
        return try await publication(Document(bytes))
    }

    // MARK: Reading

    private func publication(_ document: Document) async throws -> Publication {
        if let latest, latest.digest == document.digest { return latest }
        let manifest = try self.manifest(document)
        let missing = Set(manifest.services.map(\.digest)).filter { services[$0] == nil }
        let read = try await each(missing.sorted()) { try await self.service($0) }
        var known = services
        for (digest, service) in read { known[digest] = service }
        let list = manifest.services.compactMap { known[$0.digest] }
        do {
            let publication = Publication(
                generation: try Generation(manifest, services: list), digest: document.digest)
            remember(publication, manifest, known)
            return publication
        } catch {
            throw unreadable(document.digest, "\(error)")
        }
    }

    private func manifest(_ document: Document) throws -> Generation.Manifest {
        do { return try Generation.Manifest(document.bytes) } catch { throw unreadable(document.digest, "\(error)") }
    }

    private nonisolated func service(_ digest: String) async throws -> PlacedService {
        guard let bytes = try await store.blob(digest) else { throw unreadable(digest, "the blob is missing") }
        do { return try PlacedService(canonical: bytes) } catch { throw unreadable(digest, "\(error)") }
    }

    private nonisolated func unreadable(_ digest: String, _ cause: String) -> UnreadableGeneration {
        UnreadableGeneration("generation \(digest.prefix(12)): \(cause)")
    }

    private func remember(
        _ publication: Publication, _ manifest: Generation.Manifest, _ known: [String: PlacedService]
    ) {
        let named = Set(manifest.services.map(\.digest))
        let before = Set((latest?.generation.services ?? []).map(\.service.name))
        // What the last one had may be asked for again: a rollback, a canary.
        services = known.filter { named.contains($0.key) || before.contains($0.value.service.name) }
        if services.count > 4 * max(named.count, 256) { services = known.filter { named.contains($0.key) } }
        latest = publication
    }

    private func noteIdentity(_ identity: StoreIdentity) {
        guard stored.identity != identity else { return }
        // Another store, or one that was lost and made anew: nothing is known to lie there.
        stored = (identity, [])
    }

    // MARK: Writing

    /// At the beginning of a tenure: what another leader deleted since is not taken for written.
    func begin() async throws { stored.digests = try await store.blobs() }

    /// Writes the services' blobs that are not known to be there, and answers the manifest's bytes.
    func prepare(_ generation: Generation) async throws -> [UInt8] {
        var digests: [String: String] = [:]
        var missing: [(digest: String, service: PlacedService)] = []
        for service in generation.services {
            let digest = Digest.sha256hex(service.canonicalBytes)
            digests[service.service.name] = digest
            if !stored.digests.contains(digest) { missing.append((digest, service)) }
        }
        let bodies = Dictionary(missing.map { ($0.digest, $0.service) }) { first, _ in first }
        let store = store
        _ = try await each(bodies.keys.sorted()) { digest in
            if let service = bodies[digest] { _ = try await store.putBlob(service.canonicalBytes) }
        }
        stored.digests.formUnion(bodies.keys)
        services.merge(bodies) { $1 }
        return generation.manifestBytes(digests: digests)
    }

    /// It is in the store from now on.
    func published(_ publication: Publication) { latest = publication }

    /// They may lie there no more.
    func forget(_ digests: Set<String>) { stored.digests.subtract(digests) }

    /// A few at once; the first throw ends them all.
    private nonisolated func each<Value: Sendable>(
        _ digests: [String], _ work: @escaping @Sendable (String) async throws -> Value
    ) async throws -> [(String, Value)] {
        try await withThrowingTaskGroup(of: (String, Value).self) { group in
            var rest = digests.makeIterator()
            for _ in 0..<Self.breadth {
                guard let digest = rest.next() else { break }
                group.addTask { (digest, try await work(digest)) }
            }
            var values: [(String, Value)] = []
            while let value = try await group.next() {
                values.append(value)
                if let digest = rest.next() { group.addTask { (digest, try await work(digest)) } }
            }
            return values
        }
    }
}

extension FleetIdentity {
    init(_ identity: StoreIdentity) { self.init(fleet: identity.fleet, id: identity.id) }
}
