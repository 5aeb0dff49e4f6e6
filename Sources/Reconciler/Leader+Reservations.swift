// SPDX-License-Identifier: Apache-2.0

import Model

extension Leader {
    /// Why what is published is not all that a person and the catalog want, a sentence each, the weightiest first; empty
    /// while this host does not lead.
    public var reservations: [String] {
        guard epoch != nil else { return [] }
        let troubled = catalog.services.filter { $0.value.trouble != nil }.sorted { $0.key < $1.key }
        let all =
            [problem].compactMap(\.self) + held.map(\.description)
            + unread.map { "service \($0): no answer about its instances yet" }
            + troubled.compactMap { query, service in service.trouble.map { "discovery of \(query): \($0)" } }
            + instanceProblems
        guard all.count > Self.reservationsMax else { return all }
        return all.prefix(Self.reservationsMax) + ["and \(all.count - Self.reservationsMax) more"]
    }

    /// They are part of the host's report.
    private static let reservationsMax = 20
}
