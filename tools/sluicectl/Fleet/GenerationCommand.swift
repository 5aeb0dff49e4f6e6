// SPDX-License-Identifier: Apache-2.0

import Admin
import ArgumentParser
import Foundation

/// `sluicectl generation list|show|diff`.
struct GenerationCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generation", abstract: "See what was published.", subcommands: [List.self, Show.self, Diff.self],
        defaultSubcommand: List.self)

    static func get(_ number: UInt64?, _ client: AdminClient) async throws -> GenerationAnswer {
        let query = number.map { "?number=\($0)" } ?? ""
        return try await client.get("/v1/generation\(query)", as: GenerationAnswer.self)
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Generations that are still known, the newest first.")

        @OptionGroup var options: CommonOptions

        func run() async throws {
            let client = try AdminClient(host: options)
            let answer = try await client.get("/v1/generations", as: GenerationsAnswer.self)
            switch options.output {
            case .json: try printJSON(answer.generations)
            case .table: Terminal.print(Self.table(answer.generations))
            }
        }

        private static func table(_ rows: [GenerationsAnswer.Row]) -> String {
            var table = TextTable([
                .left("GENERATION"), .left("DIGEST"), .right("DESIRED"), .left("AUTHOR"), .right("AGE"),
            ])
            let now = Int64(Date().timeIntervalSince1970)
            for row in rows {
                table.add(
                    row.name, row.digest.map { String($0.prefix(12)) } ?? "-", row.version.map { "\($0)" } ?? "-",
                    row.author ?? "-", row.at.map { Units.age(seconds: now - $0) } ?? "-")
            }
            return table.text
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The services of a generation.")

        @Argument(help: "Its number; the current one where it is left out.") var number: UInt64?

        @OptionGroup var options: CommonOptions

        func run() async throws {
            let answer = try await GenerationCommand.get(number, try AdminClient(host: options))
            switch options.output {
            case .json: try printJSON(answer)
            case .table:
                Terminal.print("generation \(answer.generation.name)\n")
                Terminal.print(answer.lines.map { "\($0)\n" }.joined())
            }
        }
    }

    struct Diff: AsyncParsableCommand {
        private struct Answer: Encodable {
            var removed: [String]
            var added: [String]
        }

        static let configuration = CommandConfiguration(
            abstract: "What differs between two generations; exit code 3 where something does.")

        @Argument(help: "The older one's number.") var older: UInt64
        @Argument(help: "The newer one's; the current one where it is left out.") var newer: UInt64?

        @OptionGroup var options: CommonOptions

        func run() async throws {
            let client = try AdminClient(host: options)
            let before = try await GenerationCommand.get(older, client)
            let after = try await GenerationCommand.get(newer, client)
            // What was made of an older document is not kept: then the documents themselves are compared.
            let hasBoth = before.services != nil && after.services != nil
            let (old, new) = hasBoth ? (before.lines, after.lines) : (before.documentLines, after.documentLines)
            let answer = Answer(removed: old.filter { !new.contains($0) }, added: new.filter { !old.contains($0) })
            switch options.output {
            case .json: try printJSON(answer)
            case .table:
                for line in answer.removed { Terminal.print("- \(line)\n") }
                for line in answer.added { Terminal.print("+ \(line)\n") }
            }
            guard answer.removed.isEmpty, answer.added.isEmpty else {
                throw ArgumentParser.ExitCode(Admin.ExitCode.differences.rawValue)
            }
        }
    }
}

extension GenerationsAnswer.Row {
    /// `3.17`, with a star where it is in force.
    fileprivate var name: String { (epoch.map { "\($0)." } ?? "") + "\(number)" + (current ? " *" : "") }
}

extension GenerationAnswer {
    fileprivate var lines: [String] { services ?? documentLines }

    fileprivate var documentLines: [String] {
        (document ?? "").split(separator: "\n", omittingEmptySubsequences: true).map(String.init)
    }
}
