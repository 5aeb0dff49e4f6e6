// SPDX-License-Identifier: Apache-2.0

import Admin
import ArgumentParser
import Documents
import Model
import Reconciler

/// `sluicectl service why INSTANCE`: why it gets the share of new flows that it gets, from the catalog to the table.
struct WhyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "Why an instance gets new flows, or none: catalog, checks, maintenance, weight, our probe, share.",
        discussion: "Asks the catalog itself, so it needs no leader; works while the daemon is dead.")

    @Argument(help: "The instance: NODE/SERVICE-ID of Consul, or a backend's name.") var instance: String

    @Option(help: .init("Only of this service.", valueName: "name"))
    var service: String?

    @OptionGroup var options: CommonOptions

    func run() async throws {
        let state = try LocalState(options)
        let papers = try await FleetPapers(state.host, state.kept)
        for problem in papers.problems { Terminal.error("warning: \(problem)") }
        let entries = (papers.desired?.entries ?? []).filter { service == nil || $0.service.name == service }
        let catalog = try await CatalogLook.catalog(of: Set(entries.compactMap(\.query)), state.host)
        let probes = await probes()
        let names = Set(entries.map(\.service.name)).union(state.generation.services.map(\.service.name))
        let found = names.filter { service == nil || $0 == service }.sorted().compactMap { name in
            Why(
                instance, in: name, state, entry: entries.first { $0.service.name == name },
                isRead: papers.desired != nil, catalog, overrides: papers.overrides,
                probe: probes.first { $0.service == name && $0.name == instance })
        }
        guard !found.isEmpty else { throw unknown(state, catalog) }
        switch options.output {
        case .json: try printJSON(found)
        case .table: Terminal.print(found.map(\.text).joined(separator: "\n"))
        }
    }

    /// What the daemon's probes said last; nothing where it does not answer: what they came to is on disk.
    private func probes() async -> [HealthAnswer.Backend] {
        do {
            return try await AdminClient(host: options).get("/v1/health", as: HealthAnswer.self).backends
        } catch {
            Terminal.error("warning: what its probes said is not known: \(error)")
            return []
        }
    }

    private func unknown(_ state: LocalState, _ catalog: Catalog) -> Failure {
        let placed = state.generation.services.flatMap { $0.backends.map(\.backend.name) }
        let listed = catalog.services.values.flatMap { ($0.reading?.instances ?? []).map(\.name) }
        return Failure(
            .failed,
            "nothing knows an instance '\(instance)'\(Nearest.suggestion(for: instance, among: placed + listed))",
            remedy: "see  sluicectl backend list")
    }
}
