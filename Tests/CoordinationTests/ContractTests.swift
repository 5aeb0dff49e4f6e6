// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Coordination

/// What every store promises, tried on each.
@Suite struct ContractTests {
    /// No machine stops for so long.
    private let long = Duration.seconds(300)

    @Test(arguments: StoreKind.here)
    func `an empty store has no identity and lets nobody lead`(kind: StoreKind) async throws {
        let store = try await Site.shared(kind).client("a")
        #expect(try await store.identity() == nil)
        await #expect(throws: StoreError.empty(place: store.place)) {
            try await store.acquire(.leader, as: HolderToken(host: "a"), for: long, above: 0)
        }
        await #expect(throws: StoreError.empty(place: store.place)) {
            try await store.write([1], to: .desired, expecting: .nothing, as: nil)
        }
    }

    @Test(arguments: StoreKind.here)
    func `an identity is given once`(kind: StoreKind) async throws {
        let site = try await Site.shared(kind)
        let (a, b) = (try await site.client("a"), try await site.client("b"))
        let identity = try await a.found()
        #expect(identity.fleet == site.fleet)
        #expect(try await b.found() == identity)
        #expect(try await b.identity() == identity)
    }

    @Test(arguments: StoreKind.here)
    func `one holder at a time, each with a higher epoch`(kind: StoreKind) async throws {
        let site = try await Site.shared(kind)
        let (a, b) = (try await site.founded("a"), try await site.client("b"))
        let (first, second) = (HolderToken(host: "a"), HolderToken(host: "b"))
        #expect(try await win(a, as: first).epoch == 1)
        #expect(try await b.acquire(.leader, as: second, for: long, above: 0) == .held(by: first, epoch: 1))
        try await a.release(.leader, as: first)
        #expect(try await win(b, as: second).epoch == 2)
        #expect(try await a.status(of: .leader) == LockStatus(holder: second, epoch: 2))
    }

    @Test(arguments: StoreKind.here)
    func `the floor lifts the epoch`(kind: StoreKind) async throws {
        let store = try await Site.shared(kind).founded()
        #expect(try await win(store, above: 41).epoch == 42)
    }

    @Test(arguments: StoreKind.here)
    func `who asks again with its token has the same tenure`(kind: StoreKind) async throws {
        let store = try await Site.shared(kind).founded()
        let token = HolderToken(host: "a")
        let tenure = try await win(store, as: token)
        #expect(try await win(store, as: token) == tenure)
    }

    @Test(arguments: StoreKind.here)
    func `a stranger renews nothing and gives nothing back`(kind: StoreKind) async throws {
        let store = try await Site.shared(kind).founded()
        let (mine, other) = (HolderToken(host: "a"), HolderToken(host: "b"))
        _ = try await win(store, as: mine)
        #expect(try await store.renew(.leader, as: other, for: long) == .lost)
        try await store.release(.leader, as: other)
        #expect(try await store.renew(.leader, as: mine, for: long) == .renewed)
    }

    @Test(arguments: StoreKind.here)
    func `a lease that nobody renews ends, and its holder is fenced`(kind: StoreKind) async throws {
        let site = try await Site.shared(kind)
        let (a, b) = (try await site.founded("a"), try await site.client("b"))
        let token = HolderToken(host: "a")
        let stale = try await win(a, as: token, for: kind.shortestLease)
        let next = try await winSoon(b, as: HolderToken(host: "b"))
        #expect(next.epoch == 2)
        #expect(try await a.renew(.leader, as: token, for: long) == .lost)
        #expect(try await a.publish([1], as: stale, replacing: nil) == .fenced(held: 2))
        #expect(try await b.read(.current) == nil)
    }

    @Test(arguments: StoreKind.here)
    func `a holder is fenced as soon as its lock is gone, though nobody took it`(kind: StoreKind) async throws {
        let store = try await Site.shared(kind).founded()
        let token = HolderToken(host: "a")
        let tenure = try await win(store, as: token)
        try await store.release(.leader, as: token)
        #expect(try await store.publish([1], as: tenure, replacing: nil) == .fenced(held: 1))
    }

    @Test(arguments: StoreKind.here)
    func `a publication replaces its predecessor and no other`(kind: StoreKind) async throws {
        let store = try await Site.shared(kind).founded()
        let tenure = try await win(store)
        let (first, second) = (Document([1]), Document([2]))
        #expect(try await store.publish(first.bytes, as: tenure, replacing: nil) == .accepted)
        #expect(try await store.publish(second.bytes, as: tenure, replacing: nil) == .conflict(found: first))
        #expect(try await store.publish(second.bytes, as: tenure, replacing: first.digest) == .accepted)
        #expect(try await store.publish([3], as: tenure, replacing: first.digest) == .conflict(found: second))
        #expect(try await store.view() == StoreView(identity: tenure.store, epoch: 1, current: second))
    }

    @Test(arguments: StoreKind.here)
    func `a successor may replace what its predecessor published`(kind: StoreKind) async throws {
        let site = try await Site.shared(kind)
        let (a, b) = (try await site.founded("a"), try await site.client("b"))
        let token = HolderToken(host: "a")
        let first = try await win(a, as: token)
        #expect(try await a.publish([1], as: first, replacing: nil) == .accepted)
        try await a.release(.leader, as: token)
        let second = try await win(b, as: HolderToken(host: "b"))
        #expect(try await b.publish([2], as: second, replacing: Document([1]).digest) == .accepted)
        #expect(try await a.publish([3], as: first, replacing: Document([2]).digest) == .fenced(held: 2))
    }

    @Test(arguments: StoreKind.here)
    func `a tenure of another store is fenced`(kind: StoreKind) async throws {
        let store = try await Site.shared(kind).founded()
        var tenure = try await win(store)
        let foreign = StoreIdentity(fleet: tenure.store.fleet, id: "0123456789abcdef")
        tenure = Tenure(lock: .leader, epoch: tenure.epoch, token: tenure.token, store: foreign)
        #expect(try await store.publish([1], as: tenure, replacing: nil) == .fenced(held: 1))
    }

    @Test(arguments: StoreKind.here)
    func `of writers that expect the same, one wins`(kind: StoreKind) async throws {
        let site = try await Site.shared(kind)
        _ = try await site.founded()
        let outcomes = try await withThrowingTaskGroup { group in
            for number in UInt8(1)...4 {
                group.addTask {
                    try await site.client("c\(number)").write([number], to: .rollout, expecting: .nothing, as: nil)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.filter { $0 == .accepted }.count == 1)
        #expect(outcomes.count == 4)
    }

    @Test(arguments: StoreKind.here)
    func `documents are written, listed and removed`(kind: StoreKind) async throws {
        let store = try await Site.shared(kind).founded()
        let (one, two) = (try DocumentName.host("edge-1"), try DocumentName.host("edge-2"))
        #expect(try await store.write([1], to: one, expecting: .anything, as: nil) == .accepted)
        #expect(try await store.write([0, 255], to: two, expecting: .anything, as: nil) == .accepted)
        #expect(try await store.write([9], to: .override("x"), expecting: .nothing, as: nil) == .accepted)
        #expect(try await store.documents(.hosts) == [one: Document([1]), two: Document([0, 255])])
        #expect(
            try await store.write(nil, to: one, expecting: .digest(Document([2]).digest), as: nil)
                == .conflict(found: Document([1])))
        #expect(try await store.write(nil, to: one, expecting: .digest(Document([1]).digest), as: nil) == .accepted)
        #expect(try await store.read(one) == nil)
        #expect(try await store.documents(.overrides).count == 1)
    }

    @Test(arguments: StoreKind.here)
    func `blobs lie under their digest and only a leader removes them`(kind: StoreKind) async throws {
        let store = try await Site.shared(kind).founded()
        let bytes = [UInt8](repeating: 7, count: 100_000)
        let digest = try await store.putBlob(bytes)
        #expect(digest == Document(bytes).digest)
        #expect(try await store.putBlob(bytes) == digest)
        #expect(try await store.blob(digest) == bytes)
        #expect(try await store.blobs() == [digest])
        let tenure = try await win(store)
        try await store.release(.leader, as: tenure.token)
        #expect(try await store.deleteBlob(digest, as: tenure) == .fenced(held: 1))
        let next = try await win(store)
        #expect(try await store.deleteBlob(digest, as: next) == .accepted)
        #expect(try await store.blob(digest) == nil)
    }

    @Test(arguments: StoreKind.here)
    func `a watcher is woken by what it watches`(kind: StoreKind) async throws {
        let site = try await Site.shared(kind)
        let (store, watcher) = (try await site.founded("a"), try await site.client("w"))
        let tenure = try await win(store)
        async let seen = watcher.published(after: nil)
        #expect(try await store.publish([1], as: tenure, replacing: nil) == .accepted)
        #expect(try await seen == Document([1]))
        async let next = watcher.published(after: Document([1]).digest)
        #expect(try await store.publish([2], as: tenure, replacing: Document([1]).digest) == .accepted)
        #expect(try await next == Document([2]))
    }

    @Test(arguments: StoreKind.here)
    func `a change between the mark and the wait is not missed`(kind: StoreKind) async throws {
        let store = try await Site.shared(kind).founded()
        let mark = try await store.changed(.family(.hosts), since: nil, within: long)
        #expect(try await store.write([1], to: .host("edge-1"), expecting: .anything, as: nil) == .accepted)
        #expect(try await store.changed(.family(.hosts), since: mark, within: long) != mark)
    }

    @Test(arguments: StoreKind.here)
    func `a quiet wait ends in time with the same mark`(kind: StoreKind) async throws {
        let store = try await Site.shared(kind).founded()
        let mark = try await store.changed(.document(.desired), since: nil, within: long)
        #expect(try await store.changed(.document(.desired), since: mark, within: .milliseconds(300)) == mark)
    }

    @Test(arguments: StoreKind.here)
    func `a release wakes who waits for it`(kind: StoreKind) async throws {
        let site = try await Site.shared(kind)
        let (a, b) = (try await site.founded("a"), try await site.client("b"))
        let tenure = try await win(a)
        let start = BootClock.now()
        async let wait: Void = b.waitForRelease(.leader, within: long)
        try await a.release(.leader, as: tenure.token)
        try await wait
        #expect(BootClock.now() - start < long / 2)
    }

    @Test(arguments: StoreKind.here)
    func `a store that is founded above an epoch gives none at or below it`(kind: StoreKind) async throws {
        let store = try await Site.shared(kind).client("a")
        let identity = try await store.found(above: 41)
        #expect(try await store.found(above: 99) == identity)
        #expect(try await store.view() == StoreView(identity: identity, epoch: 41, current: nil))
        #expect(try await store.status(of: .leader) == LockStatus(holder: nil, epoch: 41))
        #expect(try await win(store).epoch == 42)
    }

    @Test(arguments: StoreKind.here)
    func `named locks are listed with their epochs, held or not`(kind: StoreKind) async throws {
        let store = try await Site.shared(kind).founded()
        #expect(try await store.lockEpochs().isEmpty)
        _ = try await win(store)
        for (name, floor) in [("backup", UInt64(0)), ("deploy", 6)] {
            let (lock, token) = (try LockName(name), HolderToken(host: "a"))
            _ = try await store.acquire(lock, as: token, for: long, above: floor)
            if name == "backup" { try await store.release(lock, as: token) }
        }
        #expect(try await store.lockEpochs() == ["backup": 1, "deploy": 7])
    }

    @Test(arguments: StoreKind.here)
    func `named locks have epochs of their own`(kind: StoreKind) async throws {
        let store = try await Site.shared(kind).founded()
        _ = try await win(store, above: 10)
        let backup = try LockName("backup")
        guard case .won(let tenure) = try await store.acquire(backup, as: HolderToken(host: "a"), for: long, above: 0)
        else { throw NotWon() }
        #expect(tenure.epoch == 1)
        #expect(try await store.status(of: .leader).epoch == 11)
    }
}

struct NotWon: Error {}

func win(
    _ store: any FleetStore, as token: HolderToken = HolderToken(host: "a"), for lease: Duration = .seconds(300),
    above floor: UInt64 = 0
) async throws -> Tenure {
    guard case .won(let tenure) = try await store.acquire(.leader, as: token, for: lease, above: floor) else {
        throw NotWon()
    }
    return tenure
}

/// Waits for the lock as a candidate does.
func winSoon(_ store: any FleetStore, as token: HolderToken) async throws -> Tenure {
    let end = BootClock.now() + .seconds(300)
    while BootClock.now() < end {
        if case .won(let tenure) = try await store.acquire(.leader, as: token, for: .seconds(30), above: 0) {
            return tenure
        }
        do { try await store.waitForRelease(.leader, within: .seconds(5)) } catch let error as StoreError
            where error.isTransient
        {
            // It stands again, as candidates do.
        }
    }
    throw NotWon()
}
