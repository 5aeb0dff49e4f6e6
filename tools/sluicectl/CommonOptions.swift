// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Documents
import Foundation

enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case table, json
}

/// What every command takes.
struct CommonOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "The host's configuration (or SLUICE_CONFIG).", completion: .file())
    var config = ProcessInfo.processInfo.environment["SLUICE_CONFIG"] ?? "/etc/sluice/sluiced.yaml"

    @Option(name: .shortAndLong, help: "How to print: table or json. JSON keys are stable.")
    var output: OutputFormat = .table

    /// The host's configuration, from which pins and directories are known.
    func host() throws -> HostConfiguration { try HostConfiguration.load(path: config) }
}

/// Prints a value as JSON with sorted keys, a line break at the end.
func printJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    Terminal.print(String(decoding: try encoder.encode(value), as: UTF8.self) + "\n")
}
