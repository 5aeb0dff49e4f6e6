// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Logging
import Model
import Synchronization

/// Where readers put what they find; hands whole catalogs on when the assembly says so.
final class CatalogBoard: Sendable {
    let catalogs: AsyncStream<Catalog>
    private let handOn: AsyncStream<Catalog>.Continuation
    private let deadlines: AsyncStream<Duration>
    private let deadline: AsyncStream<Duration>.Continuation
    private let assembly: Mutex<CatalogAssembly>
    private let clock: CatalogClock
    private let logger: Logger

    init(_ assembly: CatalogAssembly, clock: CatalogClock, logger: Logger) {
        self.assembly = Mutex(assembly)
        self.clock = clock
        self.logger = logger
        // Each catalog is whole: who is slow needs the newest alone.
        (catalogs, handOn) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        (deadlines, deadline) = AsyncStream.makeStream()
    }

    /// With the ages of now.
    var current: Catalog { assembly.withLock { $0.catalog(at: clock.now) } }

    /// A watcher that goes on from what is known of a service, so that a change of watchers empties nothing.
    func watcher(of query: CatalogQuery, _ settings: WatchSettings) -> WatchState<ServiceReading> {
        let held = current.services[query]?.reading
        return WatchState(settings, holding: held, isEmpty: held?.isEmpty ?? true, at: clock.now)
    }

    func watch(_ queries: Set<CatalogQuery>) {
        assembly.withLock { obey($0.watch(queries, at: clock.now)) }
    }

    func found(_ finding: CatalogAssembly.Finding, of query: CatalogQuery) {
        let change = assembly.withLock { assembly in
            let before = assembly.troubles
            obey(assembly.found(finding, of: query, at: clock.now))
            return (before, assembly.troubles)
        }
        log(query, before: change.0, after: change.1)
    }

    /// Calls the assembly when it wants to be called, until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await time in deadlines {
                group.addTask { [self] in
                    do {
                        try await clock.sleep(until: time)
                    } catch {
                        return
                    }
                    assembly.withLock { obey($0.due(at: clock.now)) }
                }
            }
        }
    }

    /// Under the assembly's lock, so that catalogs are handed on in their order.
    private func obey(_ action: CatalogAssembly.Action) {
        if let catalog = action.publish { handOn.yield(catalog) }
        if let time = action.wake { deadline.yield(time) }
    }

    /// What concerns the server is said once for all services.
    private func log(_ query: CatalogQuery, before: CatalogTroubles, after: CatalogTroubles) {
        if let cause = after.server, before.server == nil {
            logger.warning(
                "catalog in trouble, the last good answers stay",
                metadata: ["kind": "\(cause.kind)", "cause": "\(cause.message)"])
        } else if after.server == nil, before.server != nil {
            logger.notice("catalog is read again")
        }
        if let cause = after.services[query], before.services[query] == nil {
            logger.warning(
                "catalog service in trouble, its last good answer stays",
                metadata: ["service": "\(query)", "kind": "\(cause.kind)", "cause": "\(cause.message)"])
        } else if after.services[query] == nil, before.services[query] != nil {
            logger.notice("catalog service is as it should be again", metadata: ["service": "\(query)"])
        }
    }
}
