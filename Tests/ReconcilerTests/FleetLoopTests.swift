// SPDX-License-Identifier: Apache-2.0

import Logging
import Model
import TestSupport
import Testing

@testable import Reconciler

/// The loops of two hosts over one store in this process, and what people ask of them.
@Suite(.timeLimit(.minutes(5))) struct FleetLoopTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private struct Running {
        let one: Reconciler
        let two: Reconciler
        let fleet: MemoryFleet
    }

    /// Runs two hosts while `body` lasts.
    ///
    /// - Parameter clock: a quick one makes a busy machine look like hosts that are silent.
    private func run(
        named names: [String] = ["one", "two"], clock: HostClock = HostClock(QuickClock(), utc: { 5000 }),
        counting: Bool = true, _ body: (Running) async throws -> Void
    ) async throws {
        let fleet = MemoryFleet()
        let hosts = try names.enumerated().map { index, name in
            let surroundings = Surroundings()
            surroundings.cannotCount.store(!counting, ordering: .relaxed)
            return Reconciler(
                ports: Reconciler.Ports(
                    store: fleet, election: fleet, documents: fleet, health: surroundings, nextHops: surroundings,
                    applier: surroundings),
                state: try HostState(directory: directory.path + "/\(index)"),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
                clock: clock,
                fleet: FleetSettings(host: name) { try fleetDocument($0) }, seed: 7)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for host in hosts { group.addTask { try await host.run() } }
            try await body(Running(one: hosts[0], two: hosts[1], fleet: fleet))
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    /// Waits until a host runs these backends.
    @discardableResult
    private func until(
        _ host: Reconciler, _ text: String, at place: SourceLocation = #_sourceLocation
    ) async -> ReconcilerStatus {
        await until(host, at: place) {
            guard let service = $0.applied?.generation.services.first else { return false }
            return "\(Notation(service))".hasSuffix("-> \(text)")
        }
    }

    @discardableResult
    private func until(
        _ host: Reconciler, at place: SourceLocation = #_sourceLocation, _ condition: (ReconcilerStatus) -> Bool
    ) async -> ReconcilerStatus {
        let end = ContinuousClock.now + .seconds(120)
        while true {
            let status = await host.status
            if condition(status) { return status }
            guard ContinuousClock.now < end else {
                Issue.record("never so; the last: \(status)", sourceLocation: place)
                return status
            }
            await Task.yield()
        }
    }

    @Test func `what is applied on one host is what both do`() async throws {
        try await run { running in
            let answer = try await running.one.apply("a, b", by: "eve")
            #expect(answer.version == 1 && answer.rollout == nil && !answer.isFrozen)
            await until(running.one, "a, b")
            let two = await until(running.two, "a, b")
            #expect(two.problems.isEmpty)
        }
    }

    @Test func `a document that cannot be is refused before it is written`() async throws {
        try await run { running in
            _ = try await running.one.apply("a, b", by: "eve")
            await until(running.one, "a, b")
            await #expect(throws: ValidationError.self) { try await running.one.apply("a w0", by: "eve") }
            #expect(try await running.one.apply("a, b, c", by: "eve").version == 2)
        }
    }

    @Test func `of confirm and rollback at the same time one wins`() async throws {
        try await run(clock: HostClock()) { running in
            _ = try await running.one.apply("a, b", by: "eve")
            await until(running.two, "a, b")
            while try await running.fleet.all(.hosts).count < 2 { await Task.yield() }
            let begun = try await running.one.apply(
                "a, b, c", by: "eve", canary: ["two"], confirmWithin: .seconds(10000))
            #expect(begun.rollout != nil)
            await until(running.two, "a, b, c")
            await until(running.one, "a, b")
            await #expect(throws: FleetRefusal.self) { try await running.one.apply("x", by: "eve") }
            async let confirmed = failure { try await running.one.confirm(by: "eve") }
            async let rolledBack = failure { _ = try await running.two.rollback(by: "adam") }
            let outcomes = await [confirmed, rolledBack]
            if outcomes[0] == "" {
                await until(running.one, "a, b, c")
            } else {
                #expect(outcomes == ["no rollout is under way", ""])
                await until(running.one, "a, b, c draining")
            }
            await until(running.two) { $0.fleet?.runsCanary == nil && $0.fleet?.rollout?.isOver == true }
        }
    }

    @Test func `what somebody else has written is read until that succeeds, and the rollout goes on`() async throws {
        try await run(clock: HostClock()) { running in
            _ = try await running.one.apply("a, b", by: "eve")
            await until(running.two, "a, b")
            _ = try await running.one.apply("a, b, c", by: "eve", confirmWithin: .seconds(10000))
            await until(running.two, "a, b, c")
            await running.fleet.contest(.desired, failing: .desired)
            try await running.one.confirm(by: "eve")
            await until(running.one) { $0.fleet?.rollout?.isOver == true }
            await until(running.two, "a, b, c")
        }
    }

    @Test func `a rollback desires again what an older generation was made of`() async throws {
        try await run { running in
            _ = try await running.one.apply("a, b", by: "eve")
            let first = try #require(await until(running.one, "a, b").applied?.mark.number)
            while await running.fleet.history.isEmpty { await Task.yield() }
            _ = try await running.one.apply("a, b, c", by: "eve")
            await until(running.one, "a, b, c")
            while await running.fleet.history.count < 2 { await Task.yield() }
            let answer = try #require(try await running.two.rollback(to: first, by: "adam"))
            #expect(answer.version == 3)
            await until(running.one, "a, b, c draining")
            let unknown = await failure { _ = try await running.one.rollback(to: 4000, by: "adam") }
            #expect(unknown.contains("generation 4000 was never published"))
        }
    }

    @Test func `a frozen fleet says so, and goes on when it is thawed`() async throws {
        try await run { running in
            _ = try await running.one.apply("a, b", by: "eve")
            await until(running.one, "a, b")
            try await running.two.freeze(reason: "moving", by: "adam")
            await until(running.one) { $0.fleet?.frozen?.reason == "moving" }
            #expect(try await running.one.apply("a, b, c", by: "eve").isFrozen)
            let canary = await failure {
                _ = try await running.one.apply("a", by: "eve", confirmWithin: .seconds(9))
            }
            #expect(canary == "the fleet is frozen by adam: moving; sluicectl thaw")
            try await running.one.thaw(by: "adam")
            await until(running.two, "a, b, c")
        }
    }

    @Test func `a drain on one host is a document of the fleet, and is lifted on the other`() async throws {
        try await run { running in
            _ = try await running.one.apply("a, b, c", by: "eve")
            await until(running.two, "a, b, c")
            await until(running.one, "a, b, c")
            let drain = Override(service: "web", backend: "b", author: "eve", reason: "disk")
            try await running.one.drain(drain)
            await until(running.two, "a, b draining, c")
            await until(running.two) { $0.drains == [drain] }
            try await running.two.enable(BackendName(service: "web", backend: "b"))
            await until(running.one, "a, b, c")
        }
    }

    @Test func `a host whose counters cannot be read reports all the same, and says so`() async throws {
        try await run(counting: false) { running in
            while try await running.fleet.all(.hosts).count < 2 { await Task.yield() }
            await until(running.one) { $0.problems.contains { $0.hasPrefix("read the counters of drops: ") } }
        }
    }

    @Test func `an exception that nobody can read goes on, until it is lifted`() async throws {
        try await run { running in
            _ = try await running.one.apply("a, b, c", by: "eve")
            await until(running.one, "a, b, c")
            try await running.one.drain(Override(service: "web", backend: "b", author: "eve", reason: "disk"))
            await until(running.one, "a, b draining, c")
            await until(running.two, "a, b draining, c")
            let key = try #require(try await running.fleet.all(.overrides).keys.first)
            _ = try await running.fleet.write(Array("{".utf8), to: key, expecting: .anything)
            await until(running.one) { $0.problems.contains { $0.hasSuffix("sluicectl backend enable web/b") } }
            _ = try await running.one.apply("a, b, c, d", by: "eve")
            await until(running.one, "a, b draining, c, d")
            try await running.one.enable(BackendName(service: "web", backend: "b"))
            await until(running.one, "a, b, c, d")
        }
    }

    @Test func `with a rollout that nobody can read one leads, and says what mends it`() async throws {
        try await run { running in
            _ = try await running.fleet.write(Array("{".utf8), to: .rollout, expecting: .nothing)
            for host in [running.one, running.two] {
                await until(host) { $0.problems.contains { $0.contains("sluicectl rollback removes it") } }
            }
            let holder = await until(running.one) { _ in true }.isLeading ? running.one : running.two
            await until(holder) { $0.isLeading && $0.leaderEpoch == 1 }
            _ = try await running.two.apply("a, b", by: "eve")
            await until(running.one, "a, b")
            await until(running.one) { $0.problems.isEmpty }
            let found = try #require(await running.fleet.read(.rollout))
            #expect(try RolloutDocument(bytes: found.bytes) == RolloutDocument())
        }
    }

    @Test func `a rollback removes a rollout that nobody can read, and the canary's hosts come back`() async throws {
        try await run(clock: HostClock()) { running in
            _ = try await running.one.apply("a, b", by: "eve")
            await until(running.two, "a, b")
            _ = try await running.one.apply("a, b, c", by: "eve", confirmWithin: .seconds(10000))
            await until(running.two, "a, b, c")
            await until(running.one, "a, b, c")
            _ = try await running.fleet.write(Array("{".utf8), to: .rollout, expecting: .anything)
            await until(running.one) { $0.fleet?.frozen != nil }
            let refusal = await failure { try await running.one.confirm(by: "eve") }
            #expect(refusal.hasPrefix("the rollout in the store cannot be read"))
            _ = try await running.one.rollback(by: "eve")
            let status = await until(running.two, "a, b, c draining")
            #expect(status.counts.forks == 0)
        }
    }

    @Test func `two hosts of one name say so`() async throws {
        try await run(named: ["edge", "edge"]) { running in
            await until(running.one) { $0.problems.contains { $0.hasPrefix("another host reports as edge") } }
        }
    }
}

extension MemoryFleet {
    var history: [HistoryDocument.Entry] {
        guard let found = read(.history) else { return [] }
        do { return try HistoryDocument(bytes: found.bytes).entries } catch { return [] }
    }
}
