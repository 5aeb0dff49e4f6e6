// SPDX-License-Identifier: Apache-2.0

import Admin
import ArgumentParser
import Documents
import Foundation
import Model
import Reconciler

/// `sluicectl plan FILE`: what a services document would change on this host.
struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "What a services document would change, by service, listener and route; nothing is changed.",
        discussion: """
            Compares with what is in force on this host, from its state directory: the daemon may be dead. In a fleet \
            people's drains are read from the store, and instances where the leader finds them.
            Ends with 3 where there is a difference, 0 where there is none, 6 where the brake would hold it back.
            """)

    @Argument(help: "The services document.", completion: .file())
    var file: String

    @OptionGroup var options: CommonOptions

    func run() async throws {
        let host = try options.host()
        if access(file, R_OK) != 0, errno == EACCES { throw Reach.denied(file) }
        let document = try ServicesDocument.load(path: file)
        for warning in document.warnings { Terminal.error(warning.description) }
        try Self.requireDiscovery(document, host)
        try Reach.check(host.directories.state)
        let kept = HostState.look(at: host.directories.state)
        for problem in kept.problems { Terminal.error("warning: \(problem)") }

        let papers = try await FleetPapers(host, kept)
        for problem in papers.problems where host.coordination.isShared { Terminal.error("warning: \(problem)") }
        let catalog = try await CatalogLook.catalog(of: Set(document.desired.entries.compactMap(\.query)), host)
        let step = try NextStep(document.desired, after: kept, papers, catalog)
        for problem in step.warnings { Terminal.error("warning: \(problem)") }
        let prediction = Prediction(from: kept.inForce?.generation, to: step.next) { service, backend in
            kept.down[BackendName(service: service, backend: backend)] != nil
        }
        let traffic = try await PlanTraffic(of: prediction, host)
        let report = PlanReport(prediction, from: kept.inForce?.generation, to: step.next, held: step.held, traffic)
        switch options.output {
        case .json: try printJSON(report)
        case .table: Terminal.print(PlanText.text(report, applying: remedy(host, step)))
        }
        if !step.held.isEmpty { throw ArgumentParser.ExitCode(Admin.ExitCode.heldByBrake.rawValue) }
        if !report.services.isEmpty || !report.http.isEmpty {
            throw ArgumentParser.ExitCode(Admin.ExitCode.differences.rawValue)
        }
    }

    /// As the daemon refuses it.
    private static func requireDiscovery(_ document: ServicesDocument, _ host: HostConfiguration) throws {
        guard host.discovery == nil, let entry = document.desired.entries.first(where: { $0.query != nil }) else {
            return
        }
        throw Failure(
            .badDocument, "service \(entry.service.name) has backends.consul, and sluiced.yaml has no 'discovery'",
            remedy: "add to it  discovery: { consul: { address: http://127.0.0.1:8500 } }  and restart sluiced")
    }

    /// What is typed next.
    private func remedy(_ host: HostConfiguration, _ step: NextStep) -> String {
        if step.isRefused { return "Nothing of it would be applied." }
        return (step.held.isEmpty ? "" : "What is held back stays as it is. ") + way(host)
    }

    private func way(_ host: HostConfiguration) -> String {
        guard !host.coordination.isShared else { return "Apply with: sluicectl apply \(file)" }
        let isItself = [file, host.services].map { URL(fileURLWithPath: $0).standardizedFileURL.path }
        return isItself[0] == isItself[1]
            ? "The daemon takes \(file) by itself within seconds."
            : "Apply with: cp \(file) \(host.services)"
    }
}
