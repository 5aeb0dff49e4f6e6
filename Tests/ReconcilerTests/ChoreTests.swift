// SPDX-License-Identifier: Apache-2.0

import Model
import Storage
import Testing

@testable import Reconciler

/// What a leader tidies up, as dialogues of events and actions.
struct ChoreTests {
    /// A leader of epoch 1 that has published these backends of a person's document at second 0.
    private func leader(_ text: String = "a, b") throws -> Leader {
        var leader = Leader(seed: 7)
        _ = leader.handle(.history(HistoryDocument(), digest: nil), at: at(0))
        _ = leader.handle(.applied(try view(text, version: 1)), at: at(0))
        let action = leader.handle(.elected(epoch: 1, stored: nil, kept: nil), at: at(0))
        let published = publication(try #require(action.generation))
        _ = leader.handle(.published(published), at: at(0))
        return leader
    }

    private func view(_ text: String, version: UInt64) throws -> Leader.DesiredView {
        let written = DesiredDocument(version: version, author: "eve", at: 0, document: text)
        let digest = Digest.sha256hex(written.bytes)
        return .init(digest: digest, wish: .init(state: try document(text), document: written, digest: digest))
    }

    private func publication(_ generation: Generation) -> Publication {
        Publication(generation: generation, digest: "digest-\(generation.epoch)-\(generation.number)")
    }

    private func versions(_ leader: Leader) -> [UInt64]? { leader.history?.document.entries.map(\.version) }

    @Test func `which document made a generation is written down`() throws {
        var leader = try leader()
        // The answer to the publication was this write.
        #expect(leader.chores.current == .record)
        let stored = StoredDocument(bytes: [], digest: "h1")
        #expect(leader.handle(.wrote(.history, stored), at: at(0)) == .wait(until: .seconds(1)))
        #expect(leader.history?.digest == "h1")
        #expect(leader.history?.stored.entries.map(\.version) == [1])
    }

    @Test func `a history that was not written is written later, and later`() throws {
        var leader = try leader()
        #expect(leader.handle(.undone("no"), at: at(0)) == .wait(until: .seconds(1)))
        #expect(leader.chores.problems == [.record: "no"])
        #expect(leader.handle(.tick, at: at(1)) == .wait(until: .seconds(5)))
        #expect(leader.handle(.tick, at: at(5)).text == "write history")
        #expect(leader.handle(.undone("no"), at: at(6)) == .wait(until: .seconds(16)))
        #expect(leader.handle(.tick, at: at(16)).text == "write history")
        _ = leader.handle(.wrote(.history, StoredDocument(bytes: [], digest: "h1")), at: at(16))
        #expect(leader.history?.stored.entries.map(\.version) == [1])
        #expect(leader.chores.problems == [:])
    }

    @Test func `documents that come while the history cannot be written are all in it`() throws {
        var leader = try leader()
        _ = leader.handle(.undone("no"), at: at(0))
        for (version, text) in [(2, "a, b, c"), (3, "a, b, c, d")] as [(UInt64, String)] {
            let now = at(Double(version) * 2)
            let action = leader.handle(.applied(try view(text, version: version)), at: now)
            _ = leader.handle(.published(publication(try #require(action.generation))), at: now)
        }
        #expect(versions(leader) == [1, 2, 3])
    }

    @Test func `a document that came while the one before was being published leaves that in the history`() throws {
        var leader = try leader()
        let action = leader.handle(.applied(try view("a, b, c", version: 2)), at: at(5))
        _ = leader.handle(.applied(try view("a, b, c, d", version: 3)), at: at(5))
        _ = leader.handle(.published(publication(try #require(action.generation))), at: at(5))
        #expect(versions(leader) == [1, 2])
    }

    @Test func `a history that somebody else has written is read again, and what was missing goes on top`() throws {
        var leader = try leader()
        _ = leader.handle(.overtaken(.history), at: at(0))
        #expect(leader.handle(.tick, at: at(9)).text.hasPrefix("wait"))
        let again = leader.handle(.history(HistoryDocument(), digest: "h0"), at: at(10))
        #expect(again.text == "write history")
        #expect(versions(leader) == [1])
    }

    @Test func `a removal of blobs that hangs keeps no publication waiting`() throws {
        var leader = try leader()
        _ = leader.handle(.wrote(.history, StoredDocument(bytes: [], digest: "h1")), at: at(0))
        let current = leader.previous?.mark
        #expect(leader.handle(.unnamed(["x"], current: current, canary: nil), at: at(5)).text == "delete x")
        let action = leader.handle(.applied(try view("a, b, c", version: 2)), at: at(6))
        #expect(action.text == "publish 1.2 web: a, b, c after 1.1")
    }

    @Test func `a generation that needs a blob on its way out waits for that`() throws {
        var leader = try leader()
        _ = leader.handle(.wrote(.history, StoredDocument(bytes: [], digest: "h1")), at: at(0))
        var other = leader
        let next = try #require(other.handle(.applied(try view("a, b, c", version: 2)), at: at(5)).generation)
        let needed = Digest.sha256hex(next.services[0].canonicalBytes)
        let current = leader.previous?.mark
        #expect(leader.handle(.unnamed([needed], current: current, canary: nil), at: at(5)).text.hasPrefix("delete"))
        #expect(leader.handle(.applied(try view("a, b, c", version: 2)), at: at(5)).text.hasPrefix("wait"))
        #expect(leader.handle(.swept, at: at(6)).text == "publish 1.2 web: a, b, c after 1.1")
    }

    @Test func `a chore that fails keeps neither a publication nor other chores waiting`() throws {
        var leader = try leader()
        _ = leader.handle(.undone("no"), at: at(0))
        let over = Override(service: "web", backend: "b", author: "eve", reason: "", expiry: 900)
        let expire = leader.handle(.exceptions(["o1": (over, "d1")]), at: at(2))
        #expect(expire.text == "remove override/o1")
        _ = leader.handle(.undone("no"), at: at(2))
        let action = leader.handle(.applied(try view("a, b, c", version: 2)), at: at(2))
        #expect(action.text == "publish 1.2 web: a, b, c after 1.1")
    }

    @Test func `what was to be removed and is named again stays`() throws {
        var leader = try leader()
        _ = leader.handle(.wrote(.history, StoredDocument(bytes: [], digest: "h1")), at: at(0))
        let wish = try view("a, b", version: 9)
        _ = leader.handle(.applied(wish), at: at(3))
        let digest = try #require(wish.digest)
        let current = leader.previous?.mark
        _ = leader.handle(.wrote(.history, StoredDocument(bytes: [], digest: "h2")), at: at(3))
        let action = leader.handle(.unnamed([digest], current: current, canary: nil), at: at(5))
        #expect(!action.text.hasPrefix("delete"))
    }
}
