// SPDX-License-Identifier: Apache-2.0

/// What a store holds, and its transactions as a pure value: the reference that the real stores are compared with.
struct Records: Hashable, Sendable {
    struct Held: Hashable, Sendable {
        let token: HolderToken
        var until: Duration
    }

    var identity: StoreIdentity?
    var holders: [LockName: Held] = [:]
    var epochs: [LockName: EpochRecord] = [:]
    var documents: [DocumentName: Document] = [:]
    var blobs: [String: [UInt8]] = [:]
    /// Of the last change of each document, also of one that is gone.
    var changes: [DocumentName: UInt64] = [:]
    var revision: UInt64 = 0
    /// A broken lock: it is everybody's. Epochs still count.
    var grantsToEverybody = false

    /// The identity that is there, or a new one above the floor.
    mutating func found(_ fleet: String, above floor: UInt64) -> StoreIdentity {
        if let identity { return identity }
        let made = StoreIdentity.random(fleet: fleet)
        identity = made
        if floor > epochs[.leader]?.epoch ?? 0 { epochs[.leader] = .founding(above: floor) }
        return made
    }

    var lockEpochs: [String: UInt64] {
        var found: [String: UInt64] = [:]
        for (lock, record) in epochs { if let name = lock.name { found[name] = record.epoch } }
        return found
    }

    mutating func acquire(
        _ lock: LockName, as token: HolderToken, until: Duration, above floor: UInt64, at now: Duration, place: String
    ) throws -> Acquisition {
        guard let identity else { throw StoreError.empty(place: place) }
        expire(at: now)
        let record = epochs[lock]
        if let held = holders[lock], !grantsToEverybody || held.token == token {
            guard held.token == token, let record, record.token == token else {
                return .held(by: held.token, epoch: record?.epoch ?? 0)
            }
            holders[lock] = Held(token: token, until: until)
            return .won(Tenure(lock: lock, epoch: record.epoch, token: token, store: identity))
        }
        let epoch = max(record?.epoch ?? 0, floor) + 1
        holders[lock] = Held(token: token, until: until)
        epochs[lock] = EpochRecord(epoch: epoch, token: token)
        return .won(Tenure(lock: lock, epoch: epoch, token: token, store: identity))
    }

    mutating func renew(_ lock: LockName, as token: HolderToken, until: Duration, at now: Duration) -> Renewal {
        expire(at: now)
        guard holders[lock]?.token == token else { return .lost }
        holders[lock] = Held(token: token, until: until)
        return .renewed
    }

    mutating func release(_ lock: LockName, as token: HolderToken) {
        if holders[lock]?.token == token { holders[lock] = nil }
    }

    mutating func expire(at now: Duration) { holders = holders.filter { $0.value.until > now } }

    mutating func write(
        _ bytes: [UInt8]?, to name: DocumentName, expecting: Expectation, as tenure: Tenure?, at now: Duration,
        place: String
    ) throws -> WriteOutcome {
        guard let identity else { throw StoreError.empty(place: place) }
        if let tenure, let held = refusal(of: tenure, identity, at: now) { return .fenced(held: held) }
        let found = documents[name]
        guard expecting.holds(for: found) else { return .conflict(found: found) }
        documents[name] = bytes.map(Document.init)
        revision += 1
        changes[name] = revision
        return .accepted
    }

    mutating func deleteBlob(_ digest: String, as tenure: Tenure, at now: Duration, place: String) throws
        -> WriteOutcome
    {
        guard let identity else { throw StoreError.empty(place: place) }
        if let held = refusal(of: tenure, identity, at: now) { return .fenced(held: held) }
        blobs[digest] = nil
        return .accepted
    }

    /// The epoch that is in the way of a fenced write; nil where none is.
    private mutating func refusal(of tenure: Tenure, _ identity: StoreIdentity, at now: Duration) -> UInt64? {
        expire(at: now)
        let record = epochs[tenure.lock]
        let holds = grantsToEverybody || holders[tenure.lock]?.token == tenure.token
        return holds && record == tenure.record && identity == tenure.store ? nil : record?.epoch ?? 0
    }

    func mark(of scope: ChangeScope) -> ChangeMark {
        let latest = changes.filter { scope.covers($0.key.text) }.map(\.value).max() ?? 0
        return ChangeMark(text: "\(identity?.id ?? "-") \(latest)")
    }
}
