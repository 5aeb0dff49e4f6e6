// SPDX-License-Identifier: Apache-2.0

import Model

extension Catalog {
    /// A sentence for each trouble: whose last good answer stays, and how old it is by now, or who has none at all.
    var warnings: [String] {
        let troubled = services.filter { $0.value.trouble != nil }
        let (held, unread) = (troubled.filter { $0.value.reading != nil }, troubled.filter { $0.value.reading == nil })
        return byCause(held) { "the last good answer of \($0) stays, \(age(of: $1)) s old" }
            + byCause(unread) { subject, _ in "there is no answer about \(subject) yet" }
    }

    private typealias Services = [CatalogQuery: CatalogService]

    private func byCause(_ services: Services, _ sentence: (String, Services) -> String) -> [String] {
        Dictionary(grouping: services) { $0.value.trouble?.message ?? "" }.sorted { $0.key < $1.key }.map {
            cause, rows in
            let names = rows.map(\.key.description).sorted()
            let subject = names.count == 1 ? names[0] : "\(names[0]) and \(names.count - 1) more"
            let services = Dictionary(rows.map { ($0.key, $0.value) }) { one, _ in one }
            return "catalog: \(sentence(subject, services)): \(cause)"
        }
    }

    /// Of the oldest, in whole seconds.
    private func age(of services: Services) -> Int64 {
        (services.values.compactMap { $0.age(at: at) }.max() ?? .zero).components.seconds
    }
}
