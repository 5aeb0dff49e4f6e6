// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// `sluicectl store`: a fleet's store is looked at, kept, put back and moved, over real servers.
@Suite(.serialized)
struct StoreCommandTests {
    struct Facts: Decodable {
        var identity: String?
        var epoch: UInt64
        var current: String?
        var keys: [String: Int]
        var problems: [String]
    }

    @Test(.requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl", "etcd", "redis-server", "consul"))
    func `what one host has fills a lost store, which is backed up, restored and copied`() async throws {
        try await Lab.with { lab in
            try lab.edge.configure([Service(backends: Service.webs(3))])
            try await lab.edge.start()
            let digest = try #require(try await lab.edge.status().generation?.digest)
            let (lost, second, third) = (
                try await LockServer(.etcd), try await LockServer(.redis), try await LockServer(.consul)
            )

            let from = try await lost.store("restore", "--from", lab.edge.state)
            #expect(from.status == 0 && from.text.contains("next: sluicectl apply"), "\(from)")
            let first = try await lost.facts()
            #expect(first.current == digest)
            #expect(first.epoch > 1)
            #expect(first.keys["blobs"] == 1)
            #expect(first.problems.isEmpty, "\(first.problems)")

            let file = "\(lost.directory.path)/backup"
            #expect(try await lost.store("backup", file).status == 0)
            let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            let restored = try await second.store("restore", file)
            #expect(restored.status == 0, "\(restored)")
            #expect(try await second.facts().current == digest)
            #expect(try await second.facts().epoch > first.epoch)
            #expect(try await second.facts().identity != first.identity)

            let again = try await second.store("restore", file)
            #expect(again.status == 1 && again.errors.contains("it is not empty"), "\(again)")
            let copied = try await second.store("copy", "--to", third.url)
            #expect(copied.status == 0, "\(copied)")
            #expect(try await third.facts().current == digest)
        }
    }

    @Test(.requires("redis-server")) func `a store that is empty or away ends with 4, and says what to type`()
        async throws
    {
        let server = try await LockServer(.redis)
        let other = try await server.store("status", fleet: "others")
        #expect(other.status == 4 && other.errors.contains("sluicectl store restore --new"), "\(other)")
        let taken = try await server.store("restore", "--new")
        #expect(taken.status == 1 && taken.errors.contains("already"), "\(taken)")
        server.stop()
        let away = try await server.store("status")
        #expect(away.status == 4 && away.errors.contains("Connection refused"), "\(away)")
    }

    @Test func `a file that is no backup, or a way that is none, is told in one line`() async throws {
        let server = try await LockServer(.local)
        let file = try server.directory.write("hello\n", to: "file")
        let bad = try await server.store("restore", file)
        #expect(bad.status == 1 && bad.errors.contains("no backup of a store"), "\(bad)")
        #expect(try await server.store("restore").status == 2)
        #expect(try await server.store("restore", file, "--new").status == 2)
        #expect(try await server.store("restore", "\(file).none").status == 1)
        let directory = try await server.store("restore", "--from", server.directory.path)
        #expect(directory.status == 1 && directory.errors.contains("take another host's"), "\(directory)")
    }
}

extension LockServer {
    func store(_ words: String..., fleet: String? = nil) async throws -> Command.Output {
        var options = options
        if let fleet { options[3] = fleet }
        return try await Command.output(["\(Lab.products)/sluicectl", "store"] + words + options)
    }

    func facts() async throws -> StoreCommandTests.Facts {
        let output = try await Command.output(["\(Lab.products)/sluicectl", "store", "status", "-o", "json"] + options)
        guard !output.text.isEmpty else { throw SystemError("store status", cause: output.errors) }
        return try JSON.read(output.text, as: StoreCommandTests.Facts.self)
    }
}
