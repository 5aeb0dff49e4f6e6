// SPDX-License-Identifier: Apache-2.0

import Logging
import Model
import TestSupport
import Testing

@testable import Reconciler

/// The loops over a real local store, with a kernel that is a list of orders.
@Suite(.timeLimit(.minutes(5))) struct LoopTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// Runs a reconciler on this test's directory while `body` lasts.
    private func run(_ body: (Reconciler, Surroundings) async throws -> Void) async throws {
        let surroundings = Surroundings()
        let store = try LocalStore(directory: directory.path + "/store")
        let reconciler = Reconciler(
            ports: Reconciler.Ports(
                store: store, election: store, health: surroundings, nextHops: surroundings, applier: surroundings),
            state: try HostState(directory: directory.path + "/host"),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            clock: HostClock(QuickClock(), utc: { 5000 }), seed: 7)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await reconciler.run() }
            try await body(reconciler, surroundings)
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    @Test func `a document becomes what the kernel does`() async throws {
        try await run { reconciler, kernel in
            try await reconciler.propose(document("a, b"))
            let order = await kernel.next { _ in true }
            #expect(text(order.publication.generation) == "1.1 web: a, b")
            #expect(order.nextHops.count == 2)
            let status = await until(reconciler) { $0.applied != nil }
            #expect(status.isLeading && status.leaderEpoch == 1)
            #expect(status.highWater == order.publication.mark)
            #expect(status.problems.isEmpty)
        }
    }

    @Test func `a restart goes on from the disk before any document is read`() async throws {
        try await run { reconciler, kernel in
            try await reconciler.propose(document("a, b"))
            _ = await kernel.next { _ in true }
            _ = await until(reconciler) { $0.applied != nil }
            kernel.down.yield(names("b"))
            _ = await kernel.next { !$0.down.isEmpty }
        }
        try await run { reconciler, kernel in
            let order = await kernel.next { _ in true }
            #expect(text(order.publication.generation) == "1.1 web: a, b")
            #expect(order.down.count == 1)
            await reconciler.reject(["services.yaml:3:5: unknown key 'backend'"])
            let status = await until(reconciler) { $0.isLeading && $0.applied != nil }
            #expect(status.problems == ["services.yaml:3:5: unknown key 'backend'"])
            #expect(status.leaderEpoch == 2)

            try await reconciler.propose(document("a, b, c"))
            let next = await kernel.next { $0.publication.generation.number == 2 }
            #expect(text(next.publication.generation) == "2.2 web: a, b, c")
            #expect(await reconciler.status.problems.isEmpty)
        }
    }

    @Test func `a document that cannot be is refused, and what runs goes on`() async throws {
        try await run { reconciler, kernel in
            try await reconciler.propose(document("a, b"))
            _ = await kernel.next { _ in true }
            var bad = try document("a")
            bad.entries += bad.entries
            await #expect(throws: ValidationError.self) { try await reconciler.propose(bad) }
            let status = await until(reconciler) { $0.applied != nil }
            #expect(status.problems.count == 1)
            #expect(status.applied.map { text($0.generation) } == "1.1 web: a, b")
        }
    }

    @Test func `a person's drain is published and outlives a restart`() async throws {
        let drain = Override(service: "web", backend: "b", author: "eve", reason: "disk")
        try await run { reconciler, kernel in
            try await reconciler.propose(document("a, b"))
            _ = await kernel.next { _ in true }
            try await reconciler.drain(drain)
            let order = await kernel.next { $0.publication.generation.number == 2 }
            #expect(text(order.publication.generation) == "1.2 web: a, b draining")
        }
        try await run { reconciler, kernel in
            _ = await kernel.next { _ in true }
            #expect(await until(reconciler) { $0.isLeading }.drains == [drain])
            try await reconciler.enable(BackendName(service: "web", backend: "b"))
            let order = await kernel.next { $0.publication.generation.number == 3 }
            #expect(text(order.publication.generation) == "2.3 web: a, b")
        }
    }

    @Test func `a drain of nothing, of the last one or past the brake is refused`() async throws {
        try await run { reconciler, kernel in
            try await reconciler.propose(document("a, b, c", brake: Brake(minimumActive: 2)))
            _ = await kernel.next { _ in true }
            func drain(_ backend: String, of service: String = "web", force: Bool = false) async -> String {
                let wanted = Override(service: service, backend: backend, author: "eve", reason: "")
                return await failure { try await reconciler.drain(wanted, force: force) }
            }
            #expect(await drain("a", of: "mail") == "there is no service mail")
            #expect(await drain("x") == "service web has no backend x")
            #expect(await drain("a") == "")
            #expect(await drain("b") == "draining web/b would leave 1 active, and the service's brake keeps 2")
            #expect(await drain("b", force: true) == "")
            let last = await drain("c", force: true)
            #expect(last == "draining web/c would leave 0 active, and the service's brake keeps 1")
            let lifted = await failure { try await reconciler.enable(BackendName(service: "web", backend: "c")) }
            #expect(lifted == "web/c is not drained by a person")
        }
    }

    @Test func `settled slots come round as a generation`() async throws {
        try await run { reconciler, kernel in
            try await reconciler.propose(document("a, b", flowIdle: .seconds(8)))
            _ = await kernel.next { _ in true }
            try await reconciler.propose(document("a, b, c", flowIdle: .seconds(8)))
            let order = await kernel.next { $0.publication.generation.number == 2 }
            #expect(!order.publication.generation.services[0].isSettled)
            kernel.isSettled.store(true, ordering: .relaxed)
            let settled = await kernel.next { $0.publication.generation.number == 3 }
            #expect(settled.publication.generation.services[0].isSettled)
            #expect(await until(reconciler) { $0.unsettled.isEmpty }.problems.isEmpty)
        }
    }

    @Test func `a store put back in time is published above what this host has seen`() async throws {
        try await run { reconciler, kernel in
            try await reconciler.propose(document("a, b"))
            _ = await kernel.next { _ in true }
        }
        try Shell.run("cp -a \(directory.path)/store \(directory.path)/backup")
        try await run { reconciler, kernel in
            try await reconciler.propose(document("a, b, c"))
            _ = await kernel.next { $0.publication.generation.number == 2 }
        }
        try Shell.run("cd \(directory.path) && rm -r store && mv backup store")
        try await run { reconciler, kernel in
            let order = await kernel.next { $0.publication.generation.number == 3 }
            #expect(text(order.publication.generation) == "3.3 web: a, b, c")
        }
    }

    @Test func `with a damaged store the host goes on from its own copy`() async throws {
        try await run { reconciler, kernel in
            try await reconciler.propose(document("a, b"))
            _ = await kernel.next { _ in true }
        }
        try Shell.run("truncate -s 9 \(directory.path)/store/current.json")
        try await run { reconciler, kernel in
            #expect(text(await kernel.next { _ in true }.publication.generation) == "1.1 web: a, b")
            kernel.down.yield(names("b"))
            _ = await kernel.next { !$0.down.isEmpty }
            let status = await until(reconciler) { $0.problems.count == 2 }
            #expect(status.problems.allSatisfy { $0.contains("current.json: half-written") })
            try Shell.run("rm \(directory.path)/store/current.json")
            let healed = await until(reconciler) { $0.problems.isEmpty && $0.highWater?.number == 2 }
            #expect(healed.isLeading)
        }
    }

    /// The status, once it is as it should be.
    private func until(
        _ reconciler: Reconciler, _ condition: (ReconcilerStatus) -> Bool
    ) async -> ReconcilerStatus {
        while true {
            let status = await reconciler.status
            if condition(status) { return status }
            await Task.yield()
        }
    }
}
