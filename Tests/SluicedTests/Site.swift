// SPDX-License-Identifier: Apache-2.0

import Coordination
import Logging
import Model
import Reconciler
import Testing

@testable import sluiced

/// A fleet's store in memory, as one of its hosts sees it.
struct Site: Sendable {
    let store: MemoryStore
    let generations: FleetGenerations
    let papers: FleetPapers

    init(_ server: MemoryServer, host: String = "edge-1") throws {
        store = try MemoryStore(server, fleet: "north", client: host)
        generations = FleetGenerations(store)
        papers = FleetPapers(store: store)
    }

    /// With an identity.
    static func founded(_ server: MemoryServer = MemoryServer()) async throws -> Site {
        let site = try Site(server)
        _ = try await site.store.found()
        return site
    }

    /// Leads once and does this; nothing here takes so long that the lease is renewed.
    func lead(_ body: @escaping @Sendable (any FencedWriter) async throws -> Void) async throws {
        let timing = try LeaseTiming(lease: .seconds(600), renewWithin: .seconds(500), retry: .seconds(400))
        let election = Election(
            store: store, host: store.client, timing: timing, logger: Logger(label: "test") { _ in Silent() })
        let fleet = FleetElection(election: election, generations: generations, store: store)
        let failure = Failure()
        let work: @Sendable (any FencedWriter) async -> Void = { writer in
            do { try await body(writer) } catch { await failure.note(error) }
        }
        try await fleet.lead(above: { 0 }, work)
        if let error = await failure.error { throw error }
    }
}

private actor Failure {
    private(set) var error: (any Error)?

    func note(_ error: any Error) { self.error = error }
}

private struct Silent: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.critical

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {}
}

/// A generation of services `s1`, `s2`, ... with a backend each.
func generation(_ number: UInt64, epoch: UInt64 = 1, services: Int = 2, weight: UInt32 = 1) throws -> Generation {
    let entries = (1...services).map { index in
        let address = IPAddress(v4: 0x0a09_0000 + UInt32(index))
        let service = VirtualService(
            name: "s\(index)", vip: VIP(address: address, port: 80, transport: .tcp), forwarding: .ipip)
        let backend = Backend(name: "a", address: IPAddress(v4: 0x0a01_0000), port: 80, weight: weight)
        return DesiredState.Entry(service: service, backends: [backend])
    }
    let next = try Generation.next(
        desired: DesiredState(entries: entries), previous: nil, epoch: epoch, seed: 7, now: 1_000)
    var generation = try #require(next)
    generation.number = number
    return generation
}
