// SPDX-License-Identifier: Apache-2.0

import Admin
import Documents
import Model
import Reconciler

/// How the text of a services document is read and judged on this host.
struct DesiredText: Sendable {
    /// Whether instances are looked for anywhere.
    private let hasDiscovery: Bool

    init(_ host: HostConfiguration) { hasDiscovery = host.discovery != nil }

    /// What the text says; throws all that is wrong with it.
    func parse(_ text: String) throws -> DesiredState { try read(text, file: "the desired document").desired }

    /// Throws `BadDocument`; answers warnings.
    func check(_ text: String, file: String) throws -> [String] {
        do {
            return try read(text, file: file).warnings.map(\.description)
        } catch let problems as Problems {
            throw BadDocument("\(problems)", remedy: "what is desired stays as it is")
        } catch let error as ValidationError {
            throw BadDocument("\(error)", remedy: "what is desired stays as it is")
        }
    }

    private func read(_ text: String, file: String) throws -> ServicesDocument {
        let document = try ServicesDocument.parse(text: text, file: file)
        if let error = ValidationError(document.desired.problems) { throw error }
        if !hasDiscovery, let entry = document.desired.entries.first(where: { $0.query != nil }) {
            let cause = "service \(entry.service.name) has backends.consul, and sluiced.yaml has no 'discovery'"
            throw Problems([Documents.Problem(file: file, message: cause)])
        }
        return document
    }
}

extension FleetSettings {
    init(_ host: HostConfiguration) {
        let text = DesiredText(host)
        self.init(host: host.host, isCandidate: host.coordination.candidate, parse: { try text.parse($0) })
    }
}
