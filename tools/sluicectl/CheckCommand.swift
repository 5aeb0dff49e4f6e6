// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Documents
import Glibc
import Model

/// `sluicectl check FILE`: reads a services document as the daemon would.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check a services document; nothing is changed.")

    @Argument(help: "The services document.", completion: .file())
    var file: String

    @Option(name: .shortAndLong, help: .init("How to print; JSON keys are stable.", valueName: "format"))
    var output: OutputFormat = .table

    func run() throws {
        if access(file, R_OK) != 0, errno == EACCES { throw Reach.denied(file) }
        let document = try ServicesDocument.load(path: file)
        for warning in document.warnings { Terminal.error(warning.description) }
        if let error = ValidationError(document.desired.problems) { throw Failure(.badDocument, error.description) }
        try CertificateCheck(document, file: file).run()
        let backends = document.desired.entries.reduce(0) { $0 + $1.backends.count }
        switch output {
        case .table:
            Terminal.print("\(file): \(document.desired.entries.count) services, \(backends) backends, no errors\n")
        case .json:
            try printJSON(
                Report(
                    services: document.desired.entries.count, backends: backends,
                    warnings: document.warnings.map(\.description)))
        }
    }

    private struct Report: Encodable {
        var services: Int
        var backends: Int
        var warnings: [String]
    }
}
