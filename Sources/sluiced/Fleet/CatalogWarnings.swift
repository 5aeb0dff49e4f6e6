// SPDX-License-Identifier: Apache-2.0

import Model

extension Catalog {
    /// A sentence for each trouble: whose last good answer stays, and how old it is by now.
    var warnings: [String] {
        let troubled = services.filter { $0.value.trouble != nil && $0.value.reading != nil }
        return Dictionary(grouping: troubled) { $0.value.trouble?.message ?? "" }.sorted { $0.key < $1.key }.map {
            cause, services in
            let age = services.compactMap { $0.value.age(at: at) }.max() ?? .zero
            let names = services.map(\.key.description).sorted()
            let subject = names.count == 1 ? names[0] : "\(names[0]) and \(names.count - 1) more"
            return "catalog: the last good answer of \(subject) stays, \(age.components.seconds) s old: \(cause)"
        }
    }
}
