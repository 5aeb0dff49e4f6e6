// SPDX-License-Identifier: Apache-2.0

import Model
import Storage

/// The store of a single host: the same documents that a fleet's store holds, as files.
///
/// Its directory belongs to one daemon; the state directory's lock sees to that. The epoch goes up at each start, so
/// that a generation of an earlier run can never be taken for one of this run.
public actor LocalStore: GenerationStore, LeaderElection {
    /// Random, given when the store was made; compared, never ordered.
    public nonisolated let identity: String

    private var files: GenerationFiles
    private let epochDocument: StateDocument
    private let holder = randomName()
    private var latest: Publication?
    private var waiters: [UInt64: AsyncStream<Void>.Continuation] = [:]
    private var nextWaiter: UInt64 = 0

    /// Opens the store in this directory, or makes it.
    public init(directory: String) throws {
        files = try GenerationFiles(
            directory: directory, manifest: "current.json",
            remedy: "remove \(directory)/current.json: sluiced then goes on from what this host applied last")
        epochDocument = StateDocument(
            path: "\(directory)/epoch.json",
            remedy: "remove it: the next epoch is then above all that this host has seen")
        identity = try Self.identity(in: directory)
    }

    public func lead(
        above floor: @escaping @Sendable () async -> UInt64,
        _ body: @escaping @Sendable (any FencedWriter) async -> Void
    ) async throws {
        let floor = await floor()
        await body(LocalWriter(store: self, epoch: try lead(above: floor)))
    }

    /// Begins an epoch, which is above the floor.
    func lead(above floor: UInt64) throws -> UInt64 {
        let stored = try epochRecord()?.epoch ?? 0
        let epoch = max(stored, floor) + 1
        try epochDocument.write(.object(["epoch": .integer(Int64(clamping: epoch)), "holder": .string(holder)]))
        return epoch
    }

    public func state() throws -> StoreState {
        StoreState(epoch: try epochRecord()?.epoch ?? 0, current: try current())
    }

    func current() throws -> Publication? {
        guard let (_, digest) = try files.readManifest() else { return nil }
        if let latest, latest.digest == digest { return latest }
        latest = try files.read()
        return latest
    }

    public var leftover: String? { files.leftover }

    public func state(after known: StoreState) async throws -> StoreState {
        while true {
            let changes = subscribe()
            defer { waiters[changes.id] = nil }
            let state = try state()
            if state.identity != known.identity || state.current?.mark != known.current?.mark { return state }
            for await _ in changes.stream { break }
            try Task.checkCancellation()
        }
    }

    func publish(_ generation: Generation, expecting predecessor: Mark?) throws -> Publication {
        let record = try epochRecord()
        guard let record, record.epoch == generation.epoch, record.holder == holder else {
            throw PublishRefusal.fenced(epoch: generation.epoch, held: record?.epoch ?? 0)
        }
        let found = try files.readManifest().map {
            Mark(epoch: $0.manifest.epoch, number: $0.manifest.number, digest: $0.digest)
        }
        guard found == predecessor else { throw PublishRefusal.conflict(expected: predecessor, found: found) }
        let publication = Publication(generation: generation, digest: try files.write(generation))
        latest = publication
        for waiter in waiters.values { waiter.yield() }
        return publication
    }

    private func subscribe() -> (id: UInt64, stream: AsyncStream<Void>) {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        nextWaiter += 1
        waiters[nextWaiter] = continuation
        return (nextWaiter, stream)
    }

    private func epochRecord() throws -> (epoch: UInt64, holder: String)? {
        try epochDocument.read { value in
            guard let epoch = value["epoch"]?.count, let holder = value["holder"]?.text else { return nil }
            return (epoch, holder)
        }
    }

    private static func identity(in directory: String) throws -> String {
        let document = StateDocument(path: "\(directory)/store.json", remedy: "remove it: a new identity is then given")
        if let known = try document.read({ $0["id"]?.text }) { return known }
        let identity = randomName()
        try document.write(.object(["fleet": .string("local"), "id": .string(identity)]))
        return identity
    }

    /// 128 random bits in hexadecimal.
    private static func randomName() -> String {
        (0..<4).map { _ in
            let digits = String(UInt32.random(in: 0 ... .max), radix: 16)
            return String(repeating: "0", count: 8 - digits.count) + digits
        }.joined()
    }
}

/// The leadership of a single host: it lasts until another daemon begins an epoch in the same directory.
private struct LocalWriter: FencedWriter {
    let store: LocalStore
    let epoch: UInt64

    var remaining: Duration? { nil }

    func publish(_ generation: Generation, expecting predecessor: Mark?) async throws -> Publication {
        try await store.publish(generation, expecting: predecessor)
    }

    func keep(_ generation: Generation) async throws -> Publication { throw NoSharedStore() }

    func write(_ bytes: [UInt8]?, to key: FleetKey, expecting: ExpectedDocument) async throws -> DocumentWrite {
        throw NoSharedStore()
    }

    /// The store removes them by itself.
    func deleteBlobs(_ digests: Set<String>) async throws {}
}

/// What a single host has no use for.
public struct NoSharedStore: Error, Hashable, CustomStringConvertible {
    public init() {}

    public var description: String {
        "this host has no shared store (coordination: store: local); its services document is the file that it reads"
    }
}
