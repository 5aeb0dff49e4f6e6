// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Coordination
import Documents
import Logging
import Reconciler

/// Where a host reads and publishes generations: a directory of its own, or its fleet's store.
struct StoreSite: Sendable {
    let store: any GenerationStore
    let election: any LeaderElection
    /// Nil where the host is alone, as is the fleet's store.
    let documents: (any FleetDocuments)?
    let fleet: (any FleetStore)?
    let client: ConsulClient?

    /// Throws `StoreError` for settings that contradict each other; no store is asked yet.
    init(_ host: HostConfiguration, logger: Logger) throws {
        guard let site = try FleetSite(host.coordination) else {
            let local = try LocalStore(directory: host.directories.state + "/store")
            (store, election, documents, fleet, client) = (local, local, nil, nil, nil)
            return
        }
        let generations = FleetGenerations(site.store)
        store = generations
        documents = FleetPapers(store: site.store)
        fleet = site.store
        client = site.client
        guard host.coordination.candidate else {
            election = NoCandidate()
            return
        }
        let standing = Election(
            store: site.store, host: host.host, timing: try LeaseTiming(host.coordination.lease), logger: logger)
        election = FleetElection(election: standing, generations: generations, store: site.store)
    }
}

/// Keeps Consul's clients as long as somebody may ask, and closes their connections then.
struct ConsulClients: Sendable {
    let clients: [ConsulClient]

    func run() async throws {
        try await forever(holding: self)
        for client in clients { try await client.shutdown() }
    }
}
