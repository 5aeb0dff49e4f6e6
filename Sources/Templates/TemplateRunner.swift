// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Logging
import Model

/// Where services come from; `Discovery`'s catalogs are such.
public protocol TemplateCatalog: Sendable {
    /// Each value is the whole catalog. For one consumer.
    var catalogs: AsyncStream<Catalog> { get }
    /// From now on follows these. Returns at once.
    func watch(_ queries: Set<CatalogQuery>)
    /// Follows until its task is cancelled.
    func run() async
}

/// Fills a host's templates, once or whenever something changes.
public struct TemplateRunner: Sendable {
    let definitions: [TemplateDefinition]
    let host: String
    let client: ConsulClient
    private let catalog: any TemplateCatalog
    private let watching: WatchSettings
    let logger: Logger

    public init(
        _ definitions: [TemplateDefinition], host: String, client: ConsulClient, catalog: any TemplateCatalog,
        watching: WatchSettings = WatchSettings(), logger: Logger = Logger(label: "templates")
    ) {
        self.definitions = definitions
        self.host = host
        self.client = client
        self.catalog = catalog
        self.watching = watching
        self.logger = logger
    }

    /// Follows all that templates need, and does their work, until the task is cancelled. A program that runs is ended.
    public func follow(_ pending: PendingCommands) async {
        let board = KnowledgeBoard(templates: definitions.count)
        await withDiscardingTaskGroup { group in
            addFollowers(to: &group, board)
            for (index, definition) in definitions.enumerated() {
                let loop = TemplateLoop(
                    work: TemplateWork(definition: definition, client: client), index: index, host: host,
                    board: board, pending: pending, logger: logger)
                group.addTask { await loop.run() }
            }
        }
    }

    /// Follows all that templates need for as long as `body` runs.
    func following<Value: Sendable>(_ body: @escaping @Sendable (KnowledgeBoard) async throws -> Value) async throws
        -> Value
    {
        let board = KnowledgeBoard(templates: definitions.count)
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask {
                await withDiscardingTaskGroup { addFollowers(to: &$0, board) }
                return nil
            }
            group.addTask { try await body(board) }
            defer { group.cancelAll() }
            while let value = try await group.next() {
                if let value { return value }
            }
            throw CancellationError()
        }
    }

    private func addFollowers(to group: inout DiscardingTaskGroup, _ board: KnowledgeBoard) {
        group.addTask { await SourceFollower(paths: sourceFiles, board: board).run() }
        for query in keyQueries {
            let follower = KeyFollower(query: query, client: client, board: board, settings: watching, logger: logger)
            group.addTask { await follower.run() }
        }
        let services = Set(definitions.flatMap { $0.services.map(\.query) })
        guard !services.isEmpty else { return }
        catalog.watch(services)
        group.addTask { [catalog] in await catalog.run() }
        group.addTask { [catalog] in
            for await catalog in catalog.catalogs { board.update { $0.services = catalog.services } }
        }
    }

    private var sourceFiles: Set<String> {
        Set(
            definitions.compactMap {
                guard case .file(let path) = $0.source else { return nil }
                return path
            })
    }

    private var keyQueries: Set<Knowledge.KeyQuery> {
        Set(
            definitions.flatMap { definition -> [Knowledge.KeyQuery] in
                var queries =
                    definition.keys.map { Knowledge.KeyQuery.key($0.key) }
                    + definition.prefixes.map { .prefix($0.prefix) }
                if case .key(let key) = definition.source { queries.append(.key(key)) }
                return queries
            })
    }
}
