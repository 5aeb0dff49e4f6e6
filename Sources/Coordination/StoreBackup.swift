// SPDX-License-Identifier: Apache-2.0

import Foundation
import Storage

/// All that a fleet's store holds but who holds which lock: to be kept in a file, and put into another store.
public struct StoreBackup: Hashable, Sendable {
    public internal(set) var identity: StoreIdentity
    /// UTC, seconds since 1970.
    public internal(set) var taken: Int64
    /// The highest that led.
    public internal(set) var epoch: UInt64
    /// Of the named locks.
    public internal(set) var locks: [String: UInt64]
    public internal(set) var documents: [DocumentName: Document]
    /// By digest.
    public internal(set) var blobs: [String: [UInt8]]

    /// What one host has of its fleet: a generation without the documents that people wrote.
    public init(fleet: String, taken: Int64, epoch: UInt64, current: [UInt8], blobs: [[UInt8]]) {
        identity = StoreIdentity(fleet: fleet, id: "-")
        self.taken = taken
        self.epoch = epoch
        locks = [:]
        documents = [.current: Document(current)]
        self.blobs = Dictionary(blobs.map { (Document($0).digest, $0) }) { one, _ in one }
    }

    init(
        identity: StoreIdentity, taken: Int64, epoch: UInt64, locks: [String: UInt64],
        documents: [DocumentName: Document], blobs: [String: [UInt8]]
    ) {
        self.identity = identity
        self.taken = taken
        self.epoch = epoch
        self.locks = locks
        self.documents = documents
        self.blobs = blobs
    }

    /// The reports of hosts, which write them anew: no part of a backup but for what they have seen.
    public static let leftOut = DocumentFamily.hosts

    public var bytes: Int {
        documents.values.reduce(0) { $0 + $1.bytes.count } + blobs.values.reduce(0) { $0 + $1.count }
    }
}

extension StoreBackup {
    private static let tries = 5

    /// Reads the whole store; what was published meanwhile is read again, so that nothing that it names is missing.
    public static func take(from store: any FleetStore, at utc: Int64) async throws -> StoreBackup {
        for _ in 0..<tries {
            let view = try await store.view()
            guard let identity = view.identity else { throw StoreError.empty(place: store.place) }
            var documents: [DocumentName: Document] = [:]
            for name in DocumentName.single { documents[name] = try await store.read(name) }
            documents.merge(try await store.documents(.overrides)) { one, _ in one }
            var blobs: [String: [UInt8]] = [:]
            for digest in try await store.blobs() { blobs[digest] = try await store.blob(digest) }
            let locks = try await store.lockEpochs()
            guard try await store.view() == view, documents[.current] == view.current else { continue }
            return StoreBackup(
                identity: identity, taken: utc, epoch: view.epoch, locks: locks, documents: documents, blobs: blobs)
        }
        throw StoreError.unreachable(
            place: store.place, operation: "back up", cause: "it changes all the time: sluicectl freeze, then again")
    }
}

extension StoreBackup {
    /// What putting it into a store came to.
    public struct Restored: Hashable, Sendable {
        public var identity: StoreIdentity
        /// Who leads next does so above it.
        public var epoch: UInt64
        /// Somebody led before all was there: what it publishes stands, and the backup's `current` is left out.
        public var leader: HolderToken?
    }

    /// Puts it into an empty store, under a new identity, above every epoch that it, or `floor`, knows.
    ///
    /// What was broken off may be done again: `current` is written last, and a store without one counts as empty.
    /// Throws `StoreError.refused` for a store that has one; then nothing is changed.
    public func restore(into store: any FleetStore, above floor: UInt64 = 0) async throws -> Restored {
        let before = try await store.view()
        guard before.current == nil else {
            throw StoreError.refused(
                place: store.place, operation: "restore",
                cause: "it is not empty: \(before.identity?.description ?? "") has published in epoch \(before.epoch)")
        }
        let seen = max(floor, epoch)
        let floor = max(seen, before.epoch)
        let made = try await store.found(above: floor)
        let token = HolderToken(host: "restore")
        let tenure: Tenure
        switch try await store.acquire(.leader, as: token, for: .seconds(60), above: floor) {
        case .won(let won): tenure = won
        case .held(let leader, let epoch):
            guard epoch > seen else { throw lower(epoch, than: seen, leader, store) }
            try await write(into: store, as: nil)
            return Restored(identity: made, epoch: epoch, leader: leader)
        }
        do {
            try await write(into: store, as: tenure)
            try await store.release(.leader, as: token)
        } catch {
            try await store.release(.leader, as: token)
            throw error
        }
        return Restored(identity: made, epoch: tenure.epoch, leader: nil)
    }

    private func write(into store: any FleetStore, as tenure: Tenure?) async throws {
        for (name, epoch) in locks.sorted(by: { $0.key < $1.key }) {
            let (lock, token) = (try LockName(name), HolderToken(host: "restore"))
            switch try await store.acquire(lock, as: token, for: .seconds(60), above: epoch) {
            case .won: try await store.release(lock, as: token)
            case .held(_, let now) where now > epoch: break
            case .held(let holder, let now):
                throw StoreError.refused(
                    place: store.place, operation: "restore the fence of lock \(name)",
                    cause: "\(holder.host) holds it with \(now), and \(epoch) was seen: end it, then again")
            }
        }
        for (_, bytes) in blobs.sorted(by: { $0.key < $1.key }) { _ = try await store.putBlob(bytes) }
        let rest = documents.filter { $0.key != .current }.sorted { $0.key < $1.key }
        for (name, document) in rest { try await write(document, name, store, tenure) }
        if tenure != nil, let current = documents[.current] { try await write(current, .current, store, tenure) }
    }

    /// What is there already was written by a person since, or by the try before this one.
    private func write(
        _ document: Document, _ name: DocumentName, _ store: any FleetStore, _ tenure: Tenure?
    ) async throws {
        let outcome = try await store.write(document.bytes, to: name, expecting: .nothing, as: tenure)
        if case .fenced(let held) = outcome {
            throw StoreError.refused(
                place: store.place, operation: "restore \(name)", cause: "epoch \(held) leads meanwhile: try again")
        }
    }

    private func lower(
        _ epoch: UInt64, than floor: UInt64, _ leader: HolderToken, _ store: any FleetStore
    ) -> StoreError {
        .refused(
            place: store.place, operation: "restore",
            cause:
                "\(leader.host) leads in epoch \(epoch), not above \(floor) which was seen: stop its sluiced, then again"
        )
    }
}
