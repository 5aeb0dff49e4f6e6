// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Model
import TestSupport
import Testing

@testable import Relay
@testable import sluiced

/// Limits of services are counted over all workers.
struct WorkerSharingTests {
    @Test func `each worker has a place of its own in the same counts`() async throws {
        let site = try AdoptionSite(workers: 2)
        let workers = try (0..<2).map { try site.worker(slot: $0) }
        _ = await site.workforce.apply(site.generation, services: [], down: [])
        let given = workers.map { $0.shared.withLock { $0 } }
        #expect(Set(given.compactMap { $0?.place }).count == 2)
        given[0].map { $0.counts.set(3, of: $0.place, to: 5) }
        #expect(given[1]?.counts.sum(3) == 5)
    }

    @Test func `what an ended worker had is given back`() async throws {
        let site = try AdoptionSite()
        let worker = try site.worker(identity: .init(slot: 0, program: "another", isDraining: true))
        _ = await site.workforce.apply(site.generation, services: [], down: [])
        let given = try #require(worker.shared.withLock { $0 })
        given.counts.set(3, of: given.place, to: 5)
        try worker.end(saying: .init(word: nil))
        try await awaited("its end") { await site.workforce.unreached.count == 1 }
        await site.workforce.askAgainNow()
        #expect(given.counts.sum(3) == 0)
    }

    @Test func `a place is another's only when nothing can be written to it any more`() throws {
        var sharing = try WorkerSharing()
        let first = sharing.enter()
        sharing.leave(first)
        #expect(sharing.enter() != first)
        sharing.sweep()
        #expect(sharing.enter() == first)
    }

    @Test func `with more workers than there are places the rest count alone`() throws {
        var sharing = try WorkerSharing()
        for _ in 0..<SharedActivity.workersMax { _ = sharing.enter() }
        #expect(sharing.enter() == nil)
    }

    @Test func `a limit is divided only among workers that count alone`() {
        let settings = RelaySettings(maxConnections: 10)
        #expect(RelayPolicy(settings, workers: 4).connections == 3)
        #expect(RelayPolicy(settings, workers: 1).connections == 10)
    }
}
