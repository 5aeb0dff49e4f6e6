// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Documents
import Foundation

enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case table, json
}

/// What every command takes.
struct CommonOptions: ParsableArguments {
    @Option(
        name: .shortAndLong, help: .init("The host's configuration (or SLUICE_CONFIG).", valueName: "file"),
        completion: .file())
    var config = ProcessInfo.processInfo.environment["SLUICE_CONFIG"] ?? "/etc/sluice/sluiced.yaml"

    @Option(name: .shortAndLong, help: .init("How to print; JSON keys are stable.", valueName: "format"))
    var output: OutputFormat = .table

    /// The host's configuration, from which pins and directories are known.
    func host() throws -> HostConfiguration {
        do {
            return try HostConfiguration.load(path: config)
        } catch {
            if access(config, R_OK) != 0, errno == EACCES { throw Reach.denied(config) }
            let isMissing = access(config, F_OK) != 0
            throw Failure(
                .badDocument, error.description,
                remedy: isMissing ? "name the daemon's with --config FILE, or in SLUICE_CONFIG" : "")
        }
    }
}

/// Prints a value as JSON with sorted keys, a line break at the end.
func printJSON(_ value: some Encodable) throws { try printJSON(value, .prettyPrinted) }

/// The same on one line, for what goes on and on.
func printJSONLine(_ value: some Encodable) throws { try printJSON(value, []) }

private func printJSON(_ value: some Encodable, _ format: JSONEncoder.OutputFormatting) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = format.union([.sortedKeys, .withoutEscapingSlashes])
    encoder.keyEncodingStrategy = .convertToSnakeCase
    Terminal.print(String(decoding: try encoder.encode(value), as: UTF8.self) + "\n")
}
