// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Documents
import Model

/// A command that does not exist, answered with the nearest that does.
enum Misspelt {
    /// Nil where the words name a command; all else is the parser's to judge.
    static func failure(in words: [String]) -> Failure? { failure(words[...], "sluicectl", Sluicectl.self) }

    private static func failure(
        _ words: ArraySlice<String>, _ path: String, _ command: any ParsableCommand.Type
    ) -> Failure? {
        let configuration = command.configuration
        guard let word = words.first, !word.hasPrefix("-"), word != "help", !configuration.subcommands.isEmpty else {
            return nil
        }
        if let next = configuration.subcommands.first(where: { $0.configuration.name(of: $0) == word }) {
            return failure(words.dropFirst(), "\(path) \(word)", next)
        }
        // Its default takes a service's name.
        guard command != BackendCommand.self else { return nil }
        let shown = configuration.subcommands.filter { $0.configuration.shouldDisplay }
        let known = shown.map { $0.configuration.name(of: $0) }
        return Failure(
            .usage, "there is no '\(path) \(word)'\(Nearest.suggestion(for: word, among: known))",
            remedy: "see  \(path) --help")
    }
}

extension CommandConfiguration {
    /// As it is typed.
    fileprivate func name(of command: any ParsableCommand.Type) -> String {
        commandName ?? "\(command)".lowercased()
    }
}
