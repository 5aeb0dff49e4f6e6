// SPDX-License-Identifier: Apache-2.0

import Model
import Storage
import TestSupport
import Testing

@testable import Reconciler

/// On real files.
struct HostStateTests {
    private let directory: TemporaryDirectory
    private var path: String { directory.path + "/host" }

    init() throws { directory = try TemporaryDirectory() }

    private func stored(_ backends: String, number: UInt64 = 1) async throws -> Publication {
        let store = try LocalStore(directory: directory.path + "/store\(number)")
        let epoch = try await store.lead(above: 0)
        return try await store.publish(publication(backends, epoch: epoch, number: number).generation, expecting: nil)
    }

    @Test func `a new host has nothing, and no problem`() async throws {
        let restored = await (try HostState(directory: path)).restore()
        #expect(restored.publication == nil && restored.highWater == nil && restored.problems.isEmpty)
    }

    @Test func `all that was persisted comes back`() async throws {
        let publication = try await stored("a, b")
        let drain = Override(service: "web", backend: "b", author: "eve", reason: "disk", expiry: 2000)
        let state = try HostState(directory: path)
        try await state.persist(publication)
        try await state.persist(down: [BackendName(service: "web", backend: "a"): 1500])
        _ = try await state.editDrains { $0 + [drain] }
        _ = try await state.editDrains { $0 + [Override(service: "web", backend: "a", author: "eve", reason: "")] }

        let restored = await (try HostState(directory: path)).restore()
        #expect(restored.publication == publication)
        #expect(restored.highWater == publication.mark)
        #expect(restored.down == [BackendName(service: "web", backend: "a"): 1500])
        #expect(restored.drains.first == drain && restored.drains.count == 2)
        #expect(restored.problems.isEmpty)
        #expect(HostState.look(at: path).publication == publication)
    }

    @Test func `what is applied can be looked at while newer ones are accepted`() async throws {
        let state = try HostState(directory: path)
        let first = try await stored("a, b")
        try await state.persist(first)
        #expect(HostState.look(at: path).applied == nil)
        try await state.note(applied: first)
        for number in 2...4 as ClosedRange<UInt64> {
            try await state.persist(try await stored("a, b, c\(number)", number: number))
        }
        let seen = HostState.look(at: path)
        #expect(seen.applied == first && seen.publication?.generation.number == 4 && seen.problems.isEmpty)
        // Not a copy each: one that both name lies there once.
        let last = try #require(seen.publication)
        try await state.note(applied: last)
        try await state.persist(last)
        #expect(HostState.look(at: path).applied == last)
        #expect(try Shell.run("ls \(path)/blobs | wc -l") == "1\n")
    }

    @Test func `looking makes nothing`() {
        #expect(HostState.look(at: path).problems.isEmpty)
        #expect(throws: (any Error).self) { try Shell.run("ls \(path)") }
    }

    @Test func `a refused edit leaves the drains as they were`() async throws {
        let state = try HostState(directory: path)
        let drain = Override(service: "web", backend: "b", author: "eve", reason: "disk")
        _ = try await state.editDrains { _ in [drain] }
        await #expect(throws: DrainRefusal.self) {
            _ = try await state.editDrains { _ in throw DrainRefusal.unknownService("x") }
        }
        #expect(await (try HostState(directory: path)).restore().drains == [drain])
    }

    @Test func `a publication whose digest is another is not taken`() async throws {
        let good = try await stored("a, b")
        let state = try HostState(directory: path)
        let error = await failure { try await state.persist(Publication(generation: good.generation, digest: "else")) }
        #expect(error.contains("the store's is else"))
        #expect(await state.restore().highWater == nil)
    }

    @Test(arguments: ["accepted.json", "mark.json", "down.json", "drains.json"])
    func `a half-written file is named with its remedy, and the others are read`(file: String) async throws {
        let state = try HostState(directory: path)
        try await state.persist(try await stored("a, b"))
        try await state.persist(down: [BackendName(service: "web", backend: "a"): 1500])
        _ = try await state.editDrains { _ in [Override(service: "web", backend: "b", author: "eve", reason: "")] }
        try Shell.run("truncate -s 7 \(path)/\(file)")

        let restored = await (try HostState(directory: path)).restore()
        #expect(restored.problems.count == 1)
        #expect(restored.problems.first?.hasPrefix("read \(path)/\(file): half-written or damaged: line 1") == true)
        #expect(restored.problems.first?.contains("; remove") == true)
        let found = [
            restored.publication != nil, restored.highWater != nil, !restored.down.isEmpty, !restored.drains.isEmpty,
        ]
        #expect(found.count { $0 } == 3)
    }

    @Test func `drains that cannot be read are not overwritten`() async throws {
        try Shell.run("mkdir -m 0700 \(path)")
        try AtomicFile.write(Array("{\"drains\":[{]}".utf8), to: "\(path)/drains.json")
        let state = try HostState(directory: path)
        _ = await state.restore()
        let error = await failure { _ = try await state.editDrains { $0 } }
        #expect(error.contains("half-written"))
        #expect(try AtomicFile.read("\(path)/drains.json").count == 14)
    }
}
