// SPDX-License-Identifier: Apache-2.0

import Admin
import ArgumentParser
import Documents
import Foundation
import Glibc
import Model

/// `sluicectl apply FILE`: makes a services document what the whole fleet does.
struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Put a services document into the store, for all hosts.",
        discussion: """
            It is checked here, checked again by the daemon, and then written in place of the one before. With --canary the \
            named hosts alone get it first, until 'confirm' or 'rollback'; unless confirmed it is rolled back by itself after \
            --confirm-within, with --canary alone after ten minutes.
            It waits a few seconds for the leader to publish it. Ends with 5 where nobody leads: the document is in the \
            store then, and is published as soon as a host leads; with 6 where the brake holds it back.
            """)

    @Argument(help: "The services document.", completion: .file())
    var file: String

    @Option(help: .init("These hosts first, separated by commas.", valueName: "host,...")) var canary: String?
    @Option(help: .init("Roll back unless it is confirmed in this time: 30s, 5m.", valueName: "time"))
    var confirmWithin: String?

    @OptionGroup var options: CommonOptions

    func run() async throws {
        if access(file, R_OK) != 0, errno == EACCES { throw Reach.denied(file) }
        let document = try ServicesDocument.load(path: file)
        for warning in document.warnings { Terminal.error(warning.description) }
        if let error = ValidationError(document.desired.problems) { throw Failure(.badDocument, error.description) }
        let request = ApplyRequest(
            document: try String(contentsOfFile: file, encoding: .utf8), file: file, canary: try hosts(),
            confirmWithin: try confirmWithin.map { try TimeSpan.required($0, of: "--confirm-within") })
        let client = try AdminClient(host: options)
        let before = await Aftermath.held(client)
        let answer = try await client.post("/v1/apply", request, as: ApplyAnswer.self)
        let told = Set(document.warnings.map(\.description))
        for warning in answer.warnings where !told.contains(warning) { Terminal.error(warning) }
        if options.output == .table { Terminal.print(text(answer, request)) }
        let isTrial = !request.canary.isEmpty || request.confirmWithin != nil
        try await Aftermath.conclude(
            options, answer, before: before, version: answer.changed && !isTrial ? answer.version : nil)
    }

    private func hosts() throws -> [String] {
        guard let canary else { return [] }
        let hosts = canary.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard !hosts.contains("") else {
            throw Failure(.usage, "--canary \(canary): hosts' names are needed, separated by commas")
        }
        return hosts
    }

    private func text(_ answer: ApplyAnswer, _ request: ApplyRequest) -> String {
        guard answer.changed else {
            return "\(file): nothing new, version \(answer.version) (\(answer.digest.prefix(12))) says the same\n"
        }
        var text = "\(file): desired version \(answer.version) (\(answer.digest.prefix(12)))\n"
        if !request.canary.isEmpty || request.confirmWithin != nil {
            let hosts = request.canary.isEmpty ? "all hosts" : request.canary.joined(separator: ", ")
            let end = request.confirmWithin.map { ", rolled back in \(Units.age(seconds: $0)) by itself" } ?? ""
            text += "on \(hosts)\(end).  sluicectl confirm  or  sluicectl rollback\n"
        }
        return text
    }
}

/// `sluicectl confirm`
struct ConfirmCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "confirm", abstract: "The change on its way is for all hosts.")

    @OptionGroup var options: CommonOptions

    func run() async throws {
        let client = try AdminClient(host: options)
        let before = await Aftermath.held(client)
        try await client.post("/v1/confirm")
        try options.printDone("confirmed: all hosts get it", "confirmed")
        try await Aftermath.settled(client, before: before)?.conclude()
    }
}

/// `sluicectl rollback [N]`
struct RollbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback", abstract: "End the change on its way, or desire again what an older generation did.",
        discussion: """
            Without a number the change on its way is ended. With one, what was desired at that generation is applied \
            again, as a new and higher one, with the instances of today: old lists of instances never come back.
            """)

    @Argument(help: "A generation's number, as 'generation list' prints it.") var number: UInt64?

    @OptionGroup var options: CommonOptions

    func run() async throws {
        let client = try AdminClient(host: options)
        let before = await Aftermath.held(client)
        let answer = try await client.post("/v1/rollback", RollbackRequest(number: number), as: ApplyAnswer.self)
        for warning in answer.warnings { Terminal.error(warning) }
        if options.output == .table {
            Terminal.print("rolled back: desired version \(answer.version) (\(answer.digest.prefix(12)))\n")
        }
        try await Aftermath.conclude(
            options, answer, before: before, version: number == nil ? nil : answer.version)
    }
}

/// `sluicectl freeze`
struct FreezeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "freeze", abstract: "Publish nothing more, whatever changes, until 'thaw'.",
        discussion: "Each host still takes out the backends that its own probes see down.")

    @Option(help: .init("Why; shown as long as it lasts.", valueName: "text")) var reason = "by hand"

    @OptionGroup var options: CommonOptions

    func run() async throws {
        try await AdminClient(host: options).post("/v1/freeze", FreezeRequest(reason: reason))
        try options.printDone("frozen: nothing is published until  sluicectl thaw", "frozen")
    }
}

/// `sluicectl thaw`
struct ThawCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "thaw", abstract: "Publish again.")

    @OptionGroup var options: CommonOptions

    func run() async throws {
        let client = try AdminClient(host: options)
        let before = await Aftermath.held(client)
        try await client.post("/v1/thaw")
        try options.printDone("thawed: what changed meanwhile is published", "thawed")
        try await Aftermath.settled(client, before: before)?.conclude()
    }
}

extension CommonOptions {
    /// What was done: a sentence, or a key that is true.
    func printDone(_ sentence: String, _ key: String) throws {
        switch output {
        case .json: try printJSON([key: true])
        case .table: Terminal.print(sentence + "\n")
        }
    }
}

extension TimeSpan {
    /// Seconds, or a failure that says what is needed.
    static func required(_ text: String, of option: String) throws -> Int64 {
        guard let seconds = TimeSpan.seconds(text) else {
            throw Failure(.usage, "\(option) \(text): not a time; write 30s, 10m, 2h or 1d")
        }
        return seconds
    }
}
