// SPDX-License-Identifier: Apache-2.0

import Model
import Storage

@testable import Reconciler

/// A fleet's store behind the reconciler's ports, in this process: one lock, which is free or somebody's.
actor MemoryFleet: GenerationStore, LeaderElection, FleetDocuments {
    private(set) var store = ModelStore()
    /// Which write of a leader finds that somebody else has written, once, and which read fails after it, once.
    private var contested: (write: FleetKey, read: FleetScope)?
    private var failing: FleetScope?
    private var holder: String?
    private var waiters: [UInt64: AsyncStream<Void>.Continuation] = [:]
    private var next: UInt64 = 0

    // MARK: - Generations

    func state() -> StoreState {
        StoreState(identity: store.identity, epoch: store.epoch, current: store.current)
    }

    func state(after known: StoreState) async throws -> StoreState {
        while true {
            let change = subscribe()
            let state = state()
            if state.identity != known.identity || state.current?.mark != known.current?.mark { return state }
            await wait(for: change)
            try Task.checkCancellation()
        }
    }

    func kept(_ digest: String) -> Publication? { store.kept[digest] }

    // MARK: - Leadership

    func lead(
        above floor: @escaping @Sendable () async -> UInt64,
        _ body: @escaping @Sendable (any FencedWriter) async -> Void
    ) async throws {
        while holder != nil {
            let change = subscribe()
            if holder != nil { await wait(for: change) }
            try Task.checkCancellation()
        }
        next += 1
        let token = "\(next)"
        holder = token
        let floor = await floor()
        if let epoch = store.acquire(token, above: floor, until: .seconds(1 << 40), now: .zero) {
            await body(Writer(fleet: self, epoch: epoch, token: token))
        }
        store.release(token)
        holder = nil
        wake()
    }

    struct Writer: FencedWriter {
        let fleet: MemoryFleet
        let epoch: UInt64
        let token: String

        var remaining: Duration? { .seconds(10) }

        func publish(_ generation: Generation, expecting predecessor: Mark?) async throws -> Publication {
            try await fleet.change { try $0.publish(generation, expecting: predecessor, as: token, now: .zero) }
        }

        func keep(_ generation: Generation) async throws -> Publication {
            try await fleet.change { try $0.keep(generation, as: token, now: .zero) }
        }

        func write(
            _ bytes: [UInt8]?, to key: FleetKey, expecting: ExpectedDocument
        ) async throws -> DocumentWrite {
            if await fleet.isContested(key) { return .conflict(found: await fleet.read(key)) }
            return try await fleet.change { try $0.write(bytes, to: key, expecting: expecting, as: (token, epoch)) }
        }

        func deleteBlobs(_ digests: Set<String>) async throws {
            await fleet.change { for digest in digests { $0.blobs[digest] = nil } }
        }
    }

    func change<Value: Sendable>(_ edit: @Sendable (inout ModelStore) throws -> Value) rethrows -> Value {
        defer { wake() }
        return try edit(&store)
    }

    // MARK: - Documents

    func read(_ key: FleetKey) -> StoredDocument? { store.documents[key] }

    func contest(_ key: FleetKey, failing scope: FleetScope) { contested = (key, scope) }

    private func isContested(_ key: FleetKey) -> Bool {
        guard let contested, contested.write == key else { return false }
        (self.contested, failing) = (nil, contested.read)
        return true
    }

    /// A read that does not come to an answer.
    struct Unreachable: Error {}

    func all(_ scope: FleetScope) throws -> [FleetKey: StoredDocument] {
        if failing == scope {
            failing = nil
            throw Unreachable()
        }
        return documents(scope)
    }

    private func documents(_ scope: FleetScope) -> [FleetKey: StoredDocument] {
        store.documents.filter { key, _ in
            switch (scope, key) {
            case (.desired, .desired), (.rollout, .rollout), (.overrides, .override), (.hosts, .host): true
            default: false
            }
        }
    }

    func follow(
        _ scope: FleetScope, _ body: @escaping @Sendable ([FleetKey: StoredDocument]) async -> Void
    ) async throws {
        var last: [FleetKey: StoredDocument]?
        while true {
            let change = subscribe()
            let found = documents(scope)
            if found != last { await body(found) }
            last = found
            await wait(for: change)
            try Task.checkCancellation()
        }
    }

    func write(_ bytes: [UInt8]?, to key: FleetKey, expecting: ExpectedDocument) throws -> DocumentWrite {
        try change { try $0.write(bytes, to: key, expecting: expecting) }
    }

    func putBlob(_ bytes: [UInt8]) -> String {
        let digest = Digest.sha256hex(bytes)
        store.blobs[digest] = bytes
        return digest
    }

    func blob(_ digest: String) -> [UInt8]? { store.blobs[digest] }

    func blobs() -> Set<String> { Set(store.blobs.keys) }

    // MARK: - Waiting

    private func subscribe() -> (id: UInt64, stream: AsyncStream<Void>) {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        next += 1
        waiters[next] = continuation
        return (next, stream)
    }

    private func wait(for change: (id: UInt64, stream: AsyncStream<Void>)) async {
        for await _ in change.stream { break }
        waiters[change.id] = nil
    }

    private func wake() {
        for waiter in waiters.values { waiter.yield() }
    }
}
