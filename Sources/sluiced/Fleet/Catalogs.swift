// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Discovery
import Documents
import Logging
import Model
import Programs
import Reconciler

extension ConsulCatalog: CatalogSource {}
extension FileCatalog: CatalogSource {}

/// Where instances are found, as a host's settings say.
struct CatalogSite: Sendable {
    let source: any CatalogSource
    /// Shut down when nobody asks it any more.
    let client: ConsulClient?
    private let work: @Sendable () async -> Void

    init(_ settings: DiscoverySource?, logger: Logger) throws {
        switch settings {
        case nil:
            source = NoCatalog()
            client = nil
            work = {}
        case .file(let path):
            let catalog = FileCatalog(path, logger: logger)
            source = catalog
            client = nil
            work = { await catalog.run() }
        case .consul(let discovery):
            let consul = ConsulClient(try ConsulSettings(discovery.access))
            let catalog = ConsulCatalog(consul, settings: .init(discovery), logger: logger)
            source = catalog
            client = consul
            work = { await catalog.run() }
        }
    }

    /// Follows what is watched, which nothing is unless this host leads.
    func run() async throws {
        await work()
        try await forever(holding: self)
    }
}

extension ConsulCatalog.Settings {
    init(_ discovery: ConsulDiscovery) {
        var watch = WatchSettings()
        if let age = discovery.maximumStale { watch.consistency = .stale(maximumAge: age) }
        self.init(
            watch: watch, quiet: QuietTime(quiet: discovery.quiet, longest: discovery.longestQuiet),
            followsTags: discovery.followsTags)
    }
}
