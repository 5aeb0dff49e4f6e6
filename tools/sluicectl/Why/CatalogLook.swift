// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Discovery
import Documents
import Logging
import Model
import Programs

/// One look at where instances are found, as the leader looks all the time.
enum CatalogLook {
    /// So long an answer is waited for.
    private static let patience = Duration.seconds(5)

    /// What is known of each query, or why nothing is. Empty where the host's configuration names no source.
    static func catalog(of queries: Set<CatalogQuery>, _ host: HostConfiguration) async throws -> Catalog {
        guard !queries.isEmpty else { return Catalog() }
        let quiet = Logger(label: "catalog") { _ in SwiftLogNoOpLogHandler() }
        switch host.discovery {
        case nil: return Catalog()
        case .file(let path):
            let catalog = FileCatalog(path, logger: quiet)
            catalog.watch(queries)
            return await look(queries, run: { await catalog.run() }, current: { catalog.current })
        case .consul(let discovery):
            let client = ConsulClient(try ConsulSettings(discovery.access))
            let catalog = ConsulCatalog(client, logger: quiet)
            catalog.watch(queries)
            let found = await look(queries, run: { await catalog.run() }, current: { catalog.current })
            try await client.shutdown()
            return found
        }
    }

    private static func look(
        _ queries: Set<CatalogQuery>, run: @escaping @Sendable () async -> Void,
        current: @escaping @Sendable () -> Catalog
    ) async -> Catalog {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await run() }
            let clock = ContinuousClock()
            let end = clock.now + patience
            while clock.now < end, !queries.allSatisfy({ current().services[$0]?.isAnswered ?? false }) {
                do { try await Task.sleep(for: .milliseconds(20)) } catch { break }
            }
            group.cancelAll()
            return current()
        }
    }
}

extension CatalogService {
    fileprivate var isAnswered: Bool { reading != nil || suspect != nil || trouble != nil }
}
