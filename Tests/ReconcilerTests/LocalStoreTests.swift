// SPDX-License-Identifier: Apache-2.0

import Glibc
import Model
import Storage
import TestSupport
import Testing

@testable import Reconciler

/// On real files.
struct LocalStoreTests {
    private let directory: TemporaryDirectory
    private var path: String { directory.path + "/store" }

    init() throws { directory = try TemporaryDirectory() }

    /// A store that holds `a, b` as 1.1 in its first epoch.
    private func filled() async throws -> (store: LocalStore, publication: Publication) {
        let store = try LocalStore(directory: path)
        let epoch = try await store.lead(above: 0)
        let first = try publication("a, b", epoch: epoch).generation
        return (store, try await store.publish(first, expecting: nil))
    }

    private func blobs() throws -> [String] {
        try Shell.run("ls \(path)/blobs").split(separator: "\n").map { String($0) }
    }

    @Test func `a new store holds nothing and has an identity that it keeps`() async throws {
        let store = try LocalStore(directory: path)
        #expect(try await store.current() == nil)
        #expect(store.identity.utf8.count == 32)
        #expect(try LocalStore(directory: path).identity == store.identity)
        #expect(try LocalStore(directory: directory.path + "/other").identity != store.identity)
    }

    @Test func `what was published is read whole by the next daemon`() async throws {
        let (_, published) = try await filled()
        #expect(try await LocalStore(directory: path).current() == published)
        let manifest = try AtomicFile.read("\(path)/current.json")
        #expect(Digest.sha256hex(manifest) == published.digest)
    }

    @Test func `the epoch goes up at each start and above the floor`() async throws {
        #expect(try await LocalStore(directory: path).lead(above: 0) == 1)
        #expect(try await LocalStore(directory: path).lead(above: 0) == 2)
        #expect(try await LocalStore(directory: path).lead(above: 41) == 42)
        #expect(try await LocalStore(directory: path).lead(above: 7) == 43)
    }

    @Test func `a leader that another one followed is fenced`() async throws {
        let (old, first) = try await filled()
        _ = try await LocalStore(directory: path).lead(above: 0)
        let second = try publication("a", epoch: 1, number: 2, after: first).generation
        await #expect(throws: PublishRefusal.fenced(epoch: 1, held: 2)) {
            _ = try await old.publish(second, expecting: first.mark)
        }
        #expect(try await old.current() == first)
    }

    @Test func `a store put back in time takes only from the leader that its record names`() async throws {
        let (old, first) = try await filled()
        try Shell.run("cp -a \(path) \(path).backup")
        let later = try LocalStore(directory: path)
        _ = try await later.lead(above: 0)
        try Shell.run("rm -r \(path) && mv \(path).backup \(path)")
        let second = try publication("a", epoch: 1, number: 2, after: first).generation
        _ = try await old.publish(second, expecting: first.mark)
        await #expect(throws: PublishRefusal.fenced(epoch: 2, held: 1)) {
            var third = second
            third.epoch = 2
            _ = try await later.publish(third, expecting: first.mark)
        }
    }

    @Test func `what cannot be removed of older generations is told of, and the publication stands`() async throws {
        let (store, first) = try await filled()
        #expect(await store.leftover == nil)
        // A directory is nobody's blob, and is not removed as a file is.
        try Shell.run("mkdir \(path)/blobs/stray")
        let second = try publication("a", number: 2, after: first).generation
        let published = try await store.publish(second, expecting: first.mark)
        #expect(await store.leftover?.contains("\(path)/blobs/stray") == true)
        try Shell.run("rmdir \(path)/blobs/stray")
        _ = try await store.publish(
            try publication("a, b", number: 3, after: published).generation, expecting: published.mark)
        #expect(await store.leftover == nil)
    }

    @Test func `another predecessor than the one that is there is refused`() async throws {
        let (store, first) = try await filled()
        let second = try publication("a", number: 2, after: first).generation
        for wrong in [nil, mark(1, 1)] {
            await #expect(throws: PublishRefusal.conflict(expected: wrong, found: first.mark)) {
                _ = try await store.publish(second, expecting: wrong)
            }
        }
        #expect(try await store.publish(second, expecting: first.mark).mark.number == 2)
    }

    @Test func `one who waits is told of what is published`() async throws {
        let (store, first) = try await filled()
        let state = try await store.state(after: StoreState())
        #expect(state == StoreState(epoch: 1, current: first))
        async let next = store.state(after: state)
        let second = try publication("a", number: 2, after: first).generation
        let published = try await store.publish(second, expecting: first.mark)
        #expect(try await next.current == published)
    }

    @Test func `one who waits can be cancelled`() async throws {
        let (store, first) = try await filled()
        await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { _ = try await store.state(after: StoreState(epoch: 1, current: first)) }
            group.cancelAll()
            await #expect(throws: CancellationError.self) { try await group.next() }
        }
    }

    @Test func `blobs that no manifest names are removed, others stay`() async throws {
        let store = try LocalStore(directory: path)
        _ = try await store.lead(above: 0)
        var both = try document("a, b")
        both.entries += try document("x", service: "dns", vip: "10.0.0.2:53/udp").entries
        let first = try await store.publish(publication(both).generation, expecting: nil)
        let before = try blobs()
        #expect(before.count == 2)
        both.entries[0] = try document("a, c").entries[0]
        let second = try publication(both, number: 2, after: first)
        _ = try await store.publish(second.generation, expecting: first.mark)
        let after = try blobs()
        #expect(after.count == 2)
        #expect(Set(after).intersection(before).count == 1)
    }

    @Test func `a half-written manifest is named, with what to do`() async throws {
        let (store, _) = try await filled()
        try Shell.run("truncate -s 40 \(path)/current.json")
        let error = await failure { _ = try await store.current() }
        #expect(error.hasPrefix("read \(path)/current.json: half-written or damaged: line 1, column "))
        #expect(error.hasSuffix("remove \(path)/current.json: sluiced then goes on from what this host applied last"))
    }

    @Test(arguments: ["truncate -s 100", "rm", "sed -i s/10.0.0.1/10.0.0.9/"])
    func `a damaged blob is named`(damage: String) async throws {
        _ = try await filled()
        let blob = try #require(try blobs().first)
        try Shell.run("\(damage) \(path)/blobs/\(blob)")
        let store = try LocalStore(directory: path)
        let error = await failure { _ = try await store.current() }
        #expect(error.hasPrefix("read \(path)/blobs/\(blob): "))
        #expect(error.contains("service web"))
    }

    @Test func `a damaged blob is written again by the next publication`() async throws {
        let (_, first) = try await filled()
        try Shell.run("truncate -s 10 \(path)/blobs/*.json")
        let store = try LocalStore(directory: path)
        let epoch = try await store.lead(above: 0)
        var again = first.generation
        again.epoch = epoch
        again.number = 2
        _ = try await store.publish(again, expecting: first.mark)
        #expect(try await LocalStore(directory: path).current()?.generation == again)
    }

    @Test func `a manifest of a newer version is not touched`() async throws {
        let (_, _) = try await filled()
        try Shell.run(#"sed -i 's/"schema":1/"schema":5,"new":true/' \#(path)/current.json"#)
        let store = try LocalStore(directory: path)
        let error = await failure { _ = try await store.current() }
        #expect(error.contains("written by a newer version of sluiced (schema 5, this one knows 4)"))
        #expect(error.hasSuffix("install that version again"))
    }

    @Test func `a store whose directory others may write to is refused`() async throws {
        _ = try await filled()
        try Shell.run("chmod 0777 \(path)")
        let error = await failure { _ = try LocalStore(directory: path) }
        #expect(error == "open \(path): others may write to it (mode 0777); chmod go-w \(path)")
    }

    @Test func `its files are for the daemon alone`() async throws {
        _ = try await filled()
        #expect(try Shell.run("find \(path) -perm /077").isEmpty)
    }

    @Test func `a file where the directory should be is named`() async throws {
        try directory.write("", to: "store")
        #expect(await failure { _ = try LocalStore(directory: path) } == "open \(path): no directory; move it away")
    }

    @Test(.requires("root"))
    func `on a full disk the generation before it stays, and nothing is left behind`() async throws {
        try Shell.run("mkdir \(path) && mount -t tmpfs -o size=96k,mode=0700 sluice-test \(path)")
        defer { umount2(path, Int32(MNT_DETACH)) }
        let (store, first) = try await filled()
        let many = (0..<2000).map { "backend-\($0)" }.joined(separator: ", ")
        let second = try publication(many, number: 2, after: first).generation
        let files = try Shell.run("cd \(path) && find . | sort")
        let error = await failure { _ = try await store.publish(second, expecting: first.mark) }
        #expect(error.hasPrefix("write \(path)/blobs/") && error.hasSuffix(": No space left on device"))
        #expect(try Shell.run("cd \(path) && find . | sort") == files)
        #expect(try await LocalStore(directory: path).current() == first)
        let third = try publication("a", number: 2, after: first).generation
        #expect(try await store.publish(third, expecting: first.mark).mark.number == 2)
    }
}

/// The error's text; empty where there is none.
func failure(_ body: () async throws -> Void) async -> String {
    do { try await body() } catch { return "\(error)" }
    return ""
}
