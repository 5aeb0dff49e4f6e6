// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Foundation
import Glibc
import Logging
import Model

/// Follows services in a file that holds what Consul's `/v1/health/service/NAME` answers: an array of entries, of one
/// service or of several.
///
/// Filters and datacenters of queries are refused: a file has none. A file that is missing or unreadable leaves the
/// last good content in place.
public final class FileCatalog: Sendable {
    private let path: String
    private let interval: Duration
    private let clock: CatalogClock
    private let board: CatalogBoard
    private let wanted: AsyncStream<Set<CatalogQuery>>
    private let want: AsyncStream<Set<CatalogQuery>>.Continuation

    /// - Parameter interval: How often the file is looked at.
    public init(
        _ path: String, interval: Duration = .seconds(1), quiet: QuietTime = QuietTime(),
        clock: CatalogClock = CatalogClock(), logger: Logger = Logger(label: "discovery")
    ) {
        self.path = path
        self.interval = interval
        self.clock = clock
        board = CatalogBoard(CatalogAssembly(quiet: quiet), clock: clock, logger: logger)
        (wanted, want) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Each value is the whole catalog. For one consumer.
    public var catalogs: AsyncStream<Catalog> { board.catalogs }

    /// What is known now, with the ages of now.
    public var current: Catalog { board.current }

    /// From now on follows these and no others. Returns at once.
    public func watch(_ queries: Set<CatalogQuery>) {
        board.watch(queries)
        want.yield(queries)
    }

    /// Follows until its task is cancelled. To be called once.
    public func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { [board] in await board.run() }
            group.addTask { [self] in
                await withDiscardingTaskGroup { group in
                    var last: Stoppable?
                    for await queries in wanted {
                        last?.stop()
                        let next = Stoppable()
                        last = next
                        group.addTask { [self] in await next.run { [self] in await follow(queries) } }
                    }
                }
            }
        }
    }

    private func follow(_ queries: Set<CatalogQuery>) async {
        var watches = Dictionary(uniqueKeysWithValues: queries.map { ($0, board.watcher(of: $0, WatchSettings())) })
        var content = Result { try FileContent(path) }
        var last: [String]?
        while !Task.isCancelled {
            let now = clock.now
            let stamp = FileContent.stamp(path)
            if stamp == nil || stamp != last {
                content = Result { try FileContent(path) }
                last = stamp
            }
            for query in queries {
                guard var watch = watches[query] else { continue }
                board.found(Self.finding(query, content, &watch, at: now), of: query)
                watches[query] = watch
            }
            do {
                try await clock.sleep(until: now + interval)
            } catch {
                return
            }
        }
    }

    private static func finding(
        _ query: CatalogQuery, _ content: Result<FileContent, any Error>, _ watch: inout WatchState<ServiceReading>,
        at now: Duration
    ) -> CatalogAssembly.Finding {
        guard query.filter == nil, query.datacenter == nil else {
            return .failure(.refused, "\(query): a file knows neither filters nor datacenters")
        }
        switch content {
        case .failure(let error as FileContent.Failure): return .failure(error.kind, error.message)
        case .failure(let error): return .failure(.garbage, "\(error)")
        case .success(let content):
            let entries = content.entries[query.service] ?? []
            let reading = ServiceReading(entries, taggedAddress: query.taggedAddress)
            return .news(watch.answered(WatchAnswer(payload: reading, isEmpty: entries.isEmpty, index: 1), at: now))
        }
    }
}

/// The entries of a file by service.
struct FileContent: Sendable {
    struct Failure: Error {
        let kind: CatalogTrouble.Kind
        let message: String
    }

    let entries: [String: [HealthEntry]]

    /// What tells one content from another without reading it; nil where there is no file.
    static func stamp(_ path: String) -> [String]? {
        var status = stat()
        guard fstatat(AT_FDCWD, path, &status, 0) == 0 else { return nil }
        return [
            "\(status.st_dev)", "\(status.st_ino)", "\(status.st_size)", "\(status.st_mtim.tv_sec)",
            "\(status.st_mtim.tv_nsec)",
        ]
    }

    init(_ path: String) throws(Failure) {
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw Failure(kind: .unreachable, message: "read \(path): \(error.localizedDescription)")
        }
        do {
            entries = Dictionary(grouping: try JSONDecoder().decode([HealthEntry].self, from: data)) { $0.service.name }
        } catch {
            throw Failure(kind: .garbage, message: "\(path) does not hold what /v1/health/service answers")
        }
    }
}
