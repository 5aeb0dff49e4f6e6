// SPDX-License-Identifier: Apache-2.0

import Admin
import ArgumentParser
import ConsulAPI
import Discovery
import Documents
import Logging
import Model
import Programs
import Storage
import Templates
import UnixSignals

/// `sluicectl template`: fills this host's templates from Consul.
struct TemplateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "template", abstract: "Fill the host's templates from Consul, into files and keys.",
        discussion: """
            Without --once, --dry-run or --follow it lists the templates of the configuration and changes nothing.
            A template is Mustache; nothing is escaped. It sees {{host}}, {{template}}, {{keys.NAME}}, \
            {{#services.NAME}} with name, node, id, address, port, endpoint, weight, state, active, draining, out, \
            tags and meta of each instance, {{#prefixes.NAME}} with key, name and value, and {{#routes}} with service, \
            host, path, port and options.
            {{^last()}},{{/last()}} stands between elements; first(), last() and index() are of the element, count(), \
            empty(), sorted(), reversed(), lines(), json() and true() of what they are given. A value with a line \
            break comes in by {{{NAME}}} alone.
            """)

    @Argument(help: "Only these templates.") var names: [String] = []
    @Flag(help: "Fill each once, write what is new, run the commands, and end.") var once = false
    @Flag(help: "Print what would be written; exit 3 if it differs from what is there.") var dryRun = false
    @Flag(help: "Go on: fill them whenever something changes.") var follow = false
    @Option(
        help: .init("How many seconds --once and --dry-run wait for what is missing.", valueName: "seconds"))
    var within = 30
    @OptionGroup var options: CommonOptions

    func validate() throws {
        if [once, dryRun, follow].count(where: { $0 }) > 1 {
            throw ValidationError("--once, --dry-run and --follow exclude each other")
        }
        if !(0...86_400).contains(within) { throw ValidationError("--within takes 0 to 86400 seconds") }
    }

    func run() async throws {
        let host = try options.host()
        let templates = try chosen(host)
        guard once || dryRun || follow else { return try TemplateReport.list(templates, options.output) }
        guard !templates.isEmpty else {
            throw Failure(.failed, "\(options.config): no templates", remedy: "they are listed under 'templates:'")
        }
        let sources = try TemplateSources(host, templates)
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await run(sources.runner, host))
        } catch {
            outcome = .failure(error)
        }
        try await sources.client.shutdown()
        try outcome.get()
    }

    private func run(_ runner: TemplateRunner, _ host: HostConfiguration) async throws {
        if dryRun {
            return try TemplateReport.preview(try await runner.preview(within: .seconds(within)), options.output)
        }
        let pending = try Self.pending(host)
        if once {
            return try TemplateReport.results(
                try await runner.once(pending, within: .seconds(within)), options.output)
        }
        try await Self.untilSignalled { await runner.follow(pending) }
    }

    /// A program that runs meanwhile is ended too.
    private static func untilSignalled(_ body: @escaping @Sendable () async -> Void) async throws {
        await withTaskGroup(of: Void.self) { group in
            let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
            group.addTask { await body() }
            group.addTask { for await _ in signals { return } }
            await group.next()
            group.cancelAll()
        }
    }

    private func chosen(_ host: HostConfiguration) throws -> [TemplateDefinition] {
        let known = host.templates.map(\.name)
        for name in names where !known.contains(name) {
            throw Failure(
                .failed, "there is no template '\(name)'\(Nearest.suggestion(for: name, among: known))",
                remedy: known.isEmpty ? "" : "see  sluicectl template")
        }
        return names.isEmpty ? host.templates : host.templates.filter { names.contains($0.name) }
    }

    private static func pending(_ host: HostConfiguration) throws -> PendingCommands {
        do {
            return try PendingCommands(host.directories.state + "/templates")
        } catch {
            throw Failure(Admin.ExitCode(systemError: error.errno), "\(error)")
        }
    }
}

extension ConsulCatalog: TemplateCatalog {}
extension FileCatalog: TemplateCatalog {}

/// Where templates get their data, as the host's document says.
struct TemplateSources {
    let client: ConsulClient
    let runner: TemplateRunner

    init(_ host: HostConfiguration, _ templates: [TemplateDefinition]) throws {
        let access: ConsulAccess
        switch host.discovery {
        case .consul(let consul): access = consul.access
        case .file, nil: access = ConsulAccess()
        }
        let usesConsul = templates.contains {
            if case .key = $0.target { return true }
            if case .key = $0.source { return true }
            return !$0.keys.isEmpty || !$0.prefixes.isEmpty || !$0.services.isEmpty && !host.discovery.isFile
        }
        if usesConsul, !host.discovery.isConsul {
            throw Failure(
                .badDocument, "the templates need Consul, and the configuration does not say where it is",
                remedy: "add  discovery: { consul: { address: http://127.0.0.1:8500 } }")
        }
        var settings = try ConsulSettings(access)
        settings.maximumPolls = 180
        client = ConsulClient(settings)
        var logger = Logger(label: "templates") { StreamLogHandler.standardError(label: $0) }
        logger[metadataKey: "host"] = "\(host.host)"
        runner = TemplateRunner(
            templates, host: host.host, client: client, catalog: Self.catalog(host, client, logger), logger: logger)
    }

    private static func catalog(
        _ host: HostConfiguration, _ client: ConsulClient, _ logger: Logger
    ) -> any TemplateCatalog {
        // Each template waits by itself.
        let quiet = QuietTime(quiet: .zero, longest: .zero)
        if case .file(let path) = host.discovery { return FileCatalog(path, quiet: quiet, logger: logger) }
        return ConsulCatalog(client, settings: .init(quiet: quiet), logger: logger)
    }
}

extension DiscoverySource? {
    fileprivate var isConsul: Bool {
        if case .consul = self { true } else { false }
    }

    fileprivate var isFile: Bool {
        if case .file = self { true } else { false }
    }
}
