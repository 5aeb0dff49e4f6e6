// SPDX-License-Identifier: Apache-2.0

/// The keys of one fleet in one store: who leads, what is published, and the documents beside it.
///
/// It knows keys and bytes, and nothing of what they mean. Every write compares all that it relies on in the same
/// transaction as it writes, and every read is the store's own latest: a deposed leader, or one who slept through
/// its lease, is refused by the store and not by its own good will.
public protocol FleetStore: LockStore {
    /// Whose store this is; nil where it is empty, which is suspicious: then nobody leads and hosts go on.
    func identity() async throws -> StoreIdentity?

    /// Makes an identity for an empty store, and answers it; one that is there already is answered unchanged.
    ///
    /// Only a person's explicit command calls this: a store that was wiped must not look like a new one.
    ///
    /// - Parameter floor: in the same transaction the leader's epoch becomes this, where it is lower: who leads next
    ///   leads above it, however soon.
    func found(above floor: UInt64) async throws -> StoreIdentity

    /// The store's identity, the highest epoch that led, and what is published, all of one moment.
    func view() async throws -> StoreView

    /// A document; nil where there is none.
    func read(_ name: DocumentName) async throws -> Document?

    /// All documents of a kind.
    func documents(_ family: DocumentFamily) async throws -> [DocumentName: Document]

    /// Puts a document in place of another, or removes it where `bytes` is nil, in one transaction: only if what is
    /// there is as expected and, with a tenure, only while the store still knows that tenure as the latest.
    ///
    /// After a time-out the store is read again; the bytes found there mean `accepted`. Throws where the outcome
    /// stayed unknown or nothing was tried; then the same write may be given again.
    func write(
        _ bytes: [UInt8]?, to name: DocumentName, expecting: Expectation, as tenure: Tenure?
    ) async throws -> WriteOutcome

    /// The epochs of all named locks that ever were held, for a backup; the leader's is not among them.
    func lockEpochs() async throws -> [String: UInt64]

    /// Keeps bytes under their own digest, and answers it.
    func putBlob(_ bytes: [UInt8]) async throws -> String

    /// The bytes of this digest, proved; nil where there are none.
    func blob(_ digest: String) async throws -> [UInt8]?

    /// The digests of all blobs.
    func blobs() async throws -> Set<String>

    /// Removes a blob; a leader's right, so a tenure that ended is refused.
    func deleteBlob(_ digest: String, as tenure: Tenure) async throws -> WriteOutcome

    /// Waits until something in the scope may have changed since `mark`, but no longer than told, and answers the mark
    /// to go on from; with no mark, answers the present one at once.
    ///
    /// A change after the mark is never missed; an equal mark means that nothing changed, proved by a read and not by
    /// the watch's silence. Waking up for nothing is allowed.
    func changed(_ scope: ChangeScope, since mark: ChangeMark?, within: Duration) async throws -> ChangeMark

    /// What a person should know of the store's own health.
    func health() async throws -> StoreHealth
}

extension FleetStore {
    /// Makes an identity for an empty store whose fleet is new.
    public func found() async throws -> StoreIdentity { try await found(above: 0) }

    /// Publishes: puts a new `current` in place of the one with this digest (nil: of none), fenced by the tenure.
    public func publish(
        _ bytes: [UInt8], as tenure: Tenure, replacing predecessor: String?
    ) async throws -> WriteOutcome {
        let expecting = predecessor.map { Expectation.digest($0) } ?? .nothing
        return try await write(bytes, to: .current, expecting: expecting, as: tenure)
    }

    /// Waits until something else than `digest` is published.
    public func published(after digest: String?, patience: Duration = .seconds(30)) async throws -> Document {
        var mark = try await changed(.document(.current), since: nil, within: patience)
        while true {
            if let document = try await read(.current), document.digest != digest { return document }
            let next = try await changed(.document(.current), since: mark, within: patience)
            try Task.checkCancellation()
            mark = next
        }
    }
}

/// Locks with fencing tokens, by name.
///
/// The token is an epoch: a counter of our own beside each lock, never leased and never deleted, because the stores'
/// own revisions are used again after a restore.
public protocol LockStore: Sendable {
    /// Where this is, for messages: `etcd at http://127.0.0.1:2379`.
    var place: String { get }

    /// Takes the lock if it is free, and in the same transaction sets its epoch to max(stored, floor) + 1.
    ///
    /// A holder that asks again, because it never got its answer, is answered `won` with the same epoch and a renewed
    /// lease. Throws `StoreError.empty` where the store has no identity.
    func acquire(
        _ lock: LockName, as token: HolderToken, for lease: Duration, above floor: UInt64
    ) async throws -> Acquisition

    /// Lengthens the lease, counted from when the store reads this.
    func renew(_ lock: LockName, as token: HolderToken, for lease: Duration) async throws -> Renewal

    /// Gives the lock back if this token has it; another's is left alone.
    func release(_ lock: LockName, as token: HolderToken) async throws

    /// Waits until the lock may be free, but no longer than told. A hint: only `acquire` decides.
    func waitForRelease(_ lock: LockName, within: Duration) async throws

    /// Who has the lock, and its epoch.
    func status(of lock: LockName) async throws -> LockStatus
}
