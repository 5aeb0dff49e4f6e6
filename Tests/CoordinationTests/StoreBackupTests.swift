// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Coordination

/// What is taken out of a store and put into another, over every kind.
@Suite struct StoreBackupTests {
    /// A store with something of everything in it.
    private func filled(_ store: any FleetStore) async throws -> Tenure {
        let blob = try await store.putBlob([1, 2, 3])
        #expect(try await store.write([0, 255], to: .desired, expecting: .nothing, as: nil) == .accepted)
        #expect(try await store.write([4], to: .history, expecting: .nothing, as: nil) == .accepted)
        #expect(try await store.write([7], to: .override("x"), expecting: .nothing, as: nil) == .accepted)
        #expect(try await store.write([9], to: .host("edge-1"), expecting: .nothing, as: nil) == .accepted)
        let (deploy, token) = (try LockName("deploy"), HolderToken(host: "a"))
        _ = try await store.acquire(deploy, as: token, for: .seconds(30), above: 4)
        let tenure = try await win(store, above: 10)
        #expect(try await store.publish(Array(blob.utf8), as: tenure, replacing: nil) == .accepted)
        return tenure
    }

    @Test(arguments: StoreKind.here)
    func `a backup that is restored into another store is all there, under a new identity`(kind: StoreKind) async throws
    {
        let (from, into) = (try await Site.shared(kind).founded(), try await Site.shared(kind).client("b"))
        let tenure = try await filled(from)
        let taken = try await StoreBackup.take(from: from, at: 1)
        let backup = try StoreBackup(file: taken.file(), path: "f")
        #expect(backup == taken)

        let restored = try await backup.restore(into: into)
        #expect(restored.identity.id != tenure.store.id)
        #expect(restored.leader == nil)
        #expect(try await into.read(.current) == from.read(.current))
        #expect(try await into.read(.desired) == Document([0, 255]))
        #expect(try await into.read(.history) == Document([4]))
        #expect(try await into.documents(.overrides).count == 1)
        #expect(try await into.documents(.hosts).isEmpty, "hosts write their own")
        #expect(try await into.blobs() == from.blobs())
        #expect(try await into.lockEpochs()["deploy"] ?? 0 > 5)
        #expect(try await win(into).epoch > tenure.epoch)
    }

    @Test(arguments: StoreKind.here)
    func `epochs go on above what was seen elsewhere`(kind: StoreKind) async throws {
        let store = try await Site.shared(kind).client("a")
        let backup = StoreBackup(fleet: "f", taken: 1, epoch: 3, current: [1], blobs: [[2]])
        let restored = try await backup.restore(into: store, above: 70)
        #expect(restored.epoch > 70)
        #expect(try await win(store).epoch > restored.epoch)
        #expect(try await store.blob(Document([2]).digest) == [2])
    }

    @Test(arguments: StoreKind.here)
    func `a store that has published is not restored into`(kind: StoreKind) async throws {
        let store = try await Site.shared(kind).founded()
        _ = try await filled(store)
        let before = try await store.view()
        let backup = StoreBackup(fleet: "f", taken: 1, epoch: 90, current: [1], blobs: [])
        await #expect { try await backup.restore(into: store) } throws: { "\($0)".contains("it is not empty") }
        #expect(try await store.view() == before)
    }

    @Test func `what was broken off is done again`() async throws {
        let store = try await Site.shared(.memory).client("a")
        _ = try await store.found()
        #expect(try await store.write([5], to: .desired, expecting: .nothing, as: nil) == .accepted)
        let backup = StoreBackup(fleet: "f", taken: 1, epoch: 3, current: [1], blobs: [])
        _ = try await backup.restore(into: store)
        #expect(try await store.read(.current) == Document([1]))
        #expect(try await store.read(.desired) == Document([5]), "what a person wrote since stands")
    }

    @Test func `a leader that was quicker keeps what it publishes, above what was seen`() async throws {
        let store = try await Site.shared(.memory).client("a")
        _ = try await store.found(above: 8)
        let leader = try await win(store)
        let backup = StoreBackup(fleet: "f", taken: 1, epoch: 8, current: [1], blobs: [[2]])
        let restored = try await backup.restore(into: store)
        #expect(restored.leader == leader.token)
        #expect(try await store.read(.current) == nil)
        #expect(try await store.blobs() == [Document([2]).digest])

        let older = StoreBackup(fleet: "f", taken: 1, epoch: 9, current: [1], blobs: [])
        await #expect { try await older.restore(into: store) } throws: {
            "\($0)".contains("not above 9 which was seen")
        }
    }

    @Test func `a file that was cut or changed is refused, and so is one of a newer version`() async throws {
        let store = try await Site.shared(.memory).founded()
        _ = try await filled(store)
        let file = try await StoreBackup.take(from: store, at: 1).file()
        var changed = file
        changed[file.count - 9] ^= 1
        let newer = Array("sluice-store-backup 2 0\n".utf8) + file
        for (bytes, words) in [
            (Array(file.dropLast()), "its digest is another"), (changed, "its digest is another"),
            ([], "no backup of a store"), (newer, "a newer version wrote it"),
        ] {
            #expect { try StoreBackup(file: bytes, path: "f") } throws: { "\($0)".contains(words) }
        }
    }
}
