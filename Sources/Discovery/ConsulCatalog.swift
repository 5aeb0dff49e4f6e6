// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Logging
import Model
import Synchronization

/// Follows services in Consul, and hands whole catalogs on.
///
/// Up to `pollsMax` services have a long poll each. More are followed by two long polls, one for registrations and one
/// for checks, after which is read what has changed.
public final class ConsulCatalog: Sendable {
    public struct Settings: Sendable {
        public var watch: WatchSettings
        public var quiet: QuietTime
        /// Below the client's own bound and the 200 connections that an agent allows.
        public var pollsMax: Int
        /// Also follow every service of which an instance has a tag `urlprefix-` or `sluice.`, unfiltered.
        public var followsTags: Bool

        public init(
            watch: WatchSettings = WatchSettings(), quiet: QuietTime = QuietTime(), pollsMax: Int = 100,
            followsTags: Bool = false
        ) {
            self.watch = watch
            self.quiet = quiet
            self.pollsMax = pollsMax
            self.followsTags = followsTags
        }
    }

    /// What following has cost so far.
    public struct Cost: Hashable, Sendable {
        public var requests = 0
        /// Of the bodies of answers.
        public var bytes = 0

        public init(requests: Int = 0, bytes: Int = 0) {
            self.requests = requests
            self.bytes = bytes
        }
    }

    private struct Queries {
        var asked: Set<CatalogQuery> = []
        /// By their tags.
        var found: Set<CatalogQuery> = []
    }

    private let queries = Mutex(Queries())
    private let reader: ConsulReader
    private let settings: Settings
    private let board: CatalogBoard
    private let wanted: AsyncStream<Set<CatalogQuery>>
    private let want: AsyncStream<Set<CatalogQuery>>.Continuation

    public init(
        _ client: ConsulClient, settings: Settings = Settings(), clock: CatalogClock = CatalogClock(),
        logger: Logger = Logger(label: "discovery")
    ) {
        self.settings = settings
        reader = ConsulReader(client, clock: clock, settings: settings.watch)
        board = CatalogBoard(CatalogAssembly(quiet: settings.quiet), clock: clock, logger: logger)
        (wanted, want) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Each value is the whole catalog. For one consumer.
    public var catalogs: AsyncStream<Catalog> { board.catalogs }

    /// What is known now, with the ages of now; it may be ahead of `catalogs`.
    public var current: Catalog { board.current }

    public var cost: Cost { reader.cost }

    /// From now on follows these and no others; what is known of them stays. Without any nothing is read, tags neither: only
    /// a fleet's leader asks. Returns at once.
    public func watch(_ queries: Set<CatalogQuery>) {
        follow {
            $0.asked = queries
            if queries.isEmpty { $0.found = [] }
        }
    }

    private func follow(_ change: (inout Queries) -> Void) {
        queries.withLock { queries in
            change(&queries)
            let all = queries.asked.union(queries.found)
            board.watch(all)
            want.yield(all)
        }
    }

    /// Follows until its task is cancelled. To be called once.
    public func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { [board] in await board.run() }
            group.addTask { [self] in await follow() }
        }
    }

    /// Which services ask for routes. Where none does any more, that is not believed: see `Suspicion`.
    private func followTags() async {
        var state = WatchState<Set<String>>(settings.watch, at: reader.clock.now)
        while !Task.isCancelled {
            guard let outcome = await reader.ask(&state, { try await self.reader.tagged($0) }) else { return }
            guard case .success(.changed(let names)) = outcome else { continue }
            follow { queries in
                // Nobody asks any more.
                guard !queries.asked.isEmpty else { return }
                queries.found = Set(names.map { CatalogQuery(service: $0) })
            }
        }
    }

    private func follow() async {
        await withDiscardingTaskGroup { group in
            var polls: [CatalogQuery: Stoppable] = [:]
            var fleet: Stoppable?
            var tags: Stoppable?
            for await queries in wanted {
                if queries.isEmpty {
                    tags?.stop()
                    tags = nil
                } else if tags == nil, settings.followsTags {
                    let watch = Stoppable()
                    tags = watch
                    group.addTask { [self] in await watch.run { [self] in await followTags() } }
                }
                fleet?.stop()
                fleet = nil
                let single = queries.count <= settings.pollsMax ? queries : []
                for (query, poll) in polls where !single.contains(query) {
                    poll.stop()
                    polls[query] = nil
                }
                for query in single where polls[query] == nil {
                    let poll = Stoppable()
                    polls[query] = poll
                    group.addTask { [self] in await poll.run { [self] in await follow(query) } }
                }
                guard queries.count > settings.pollsMax else { continue }
                let watch = Stoppable()
                fleet = watch
                let loop = FleetLoop(queries, reader: reader, board: board)
                group.addTask { await watch.run { await loop.run() } }
            }
        }
    }

    /// One service by a long poll of its own.
    private func follow(_ query: CatalogQuery) async {
        var state = board.watcher(of: query, settings.watch)
        while !Task.isCancelled {
            guard let outcome = await reader.ask(&state, { try await self.reader.reading(of: query, $0) }) else {
                return
            }
            switch outcome {
            case .success(let news): board.found(.news(news), of: query)
            case .failure(let error):
                board.found(.failure(CatalogTrouble.Kind(error.kind), error.description), of: query)
            }
        }
    }
}

/// Work that can be stopped without stopping its siblings.
struct Stoppable: Sendable {
    private let stops: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stops, continuation) = AsyncStream.makeStream() }

    func stop() { continuation.finish() }

    /// Returns when the work has ended, of itself or because it was stopped.
    func run(_ work: @escaping @Sendable () async -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await work() }
            group.addTask { for await _ in stops {} }
            await group.next()
            group.cancelAll()
        }
    }
}
