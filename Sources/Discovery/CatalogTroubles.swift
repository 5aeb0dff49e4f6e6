// SPDX-License-Identifier: Apache-2.0

import Model

/// What is wrong, once for the server and once a service.
struct CatalogTroubles: Sendable {
    private var ofServer: [CatalogQuery: CatalogTrouble] = [:]
    /// Troubles of a service's own.
    private(set) var services: [CatalogQuery: CatalogTrouble] = [:]

    /// One of those that concern the server; nil while it answers.
    var server: CatalogTrouble? { ofServer.first?.value }

    mutating func set(_ trouble: CatalogTrouble?, of query: CatalogQuery) {
        let isServers = trouble.map { $0.kind.isServers } ?? false
        ofServer[query] = isServers ? trouble : nil
        services[query] = isServers ? services[query] : trouble
    }

    mutating func forget(_ queries: some Sequence<CatalogQuery>) {
        for query in queries { set(nil, of: query) }
    }
}

extension CatalogTrouble.Kind {
    /// Whether all services are likely to share it.
    fileprivate var isServers: Bool {
        switch self {
        case .unreachable, .timedOut, .noLeader, .permission, .rateLimited, .credentials: true
        case .refused, .garbage, .emptied, .filtered, .missing: false
        }
    }
}
