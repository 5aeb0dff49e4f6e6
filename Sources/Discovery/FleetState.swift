// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Model

/// Follows many services by two questions, and says which of them must be read again.
///
/// A registration moves the index of all registrations without saying whose: each service is then asked for its index
/// alone, and read where that has moved. A check that flips names its service or its node, and these are read.
struct FleetState: Sendable {
    struct Check: Hashable, Sendable {
        let node: String
        let id: String
        let status: String
        /// Empty: a check of the node.
        let service: String
    }

    struct Work: Equatable, Sendable {
        /// Services to ask for their index.
        var probes: Set<CatalogQuery> = []
        var reads: Set<CatalogQuery> = []

        var isEmpty: Bool { probes.isEmpty && reads.isEmpty }
    }

    private struct Known {
        var watch: WatchState<ServiceReading>
        var index: UInt64?
        var nodes: Set<String> = []
    }

    private var known: [CatalogQuery: Known]
    private var work: Work
    /// Of which the last reading failed or is not believed.
    private var doubtful: Set<CatalogQuery> = []
    /// Nil before the first list.
    private var checks: Set<Check>?

    /// - Parameter watchers: One a service, which goes on from what is known of it.
    init(_ watchers: [CatalogQuery: WatchState<ServiceReading>]) {
        known = watchers.mapValues { Known(watch: $0) }
        work = Work(reads: Set(watchers.keys))
    }

    var queries: Set<CatalogQuery> { Set(known.keys) }

    /// Those that are as Consul has them, as far as the two questions tell.
    var settled: Set<CatalogQuery> {
        queries.subtracting(work.probes).subtracting(work.reads).subtracting(doubtful)
    }

    mutating func registrationsMoved() { work.probes = queries }

    mutating func checksAre(_ now: Set<Check>) {
        // What flipped before the first list, but after the service was read, is in no difference.
        guard let before = checks else {
            checks = now
            work.probes = queries
            return
        }
        checks = now
        for check in before.symmetricDifference(now) {
            work.reads.formUnion(queries.filter { concerns(check, $0) })
        }
    }

    /// What is to be done now; it is marked as done.
    mutating func take() -> Work {
        defer { work = Work() }
        return Work(probes: work.probes.subtracting(work.reads), reads: work.reads)
    }

    mutating func probed(_ query: CatalogQuery, index: UInt64?) {
        if index == nil || known[query]?.index != index { work.reads.insert(query) }
    }

    mutating func read(
        _ query: CatalogQuery, _ answer: WatchAnswer<ServiceReading>, at now: Duration
    ) -> WatchNews<ServiceReading> {
        guard var entry = known[query] else { return .none }
        let news = entry.watch.answered(answer, at: now)
        entry.index = answer.index
        entry.nodes = Set(
            (answer.payload?.instances ?? []).map { String($0.name.prefix { $0 != "/" }) })
        known[query] = entry
        if news == .none { work.reads.insert(query) }
        switch news {
        case .changed, .confirmed: doubtful.remove(query)
        case .suspicious, .none: doubtful.insert(query)
        }
        return news
    }

    /// It is to be read again, not before the time that is answered.
    mutating func failed(
        _ query: CatalogQuery, retryAfter: Duration?, at now: Duration, jitter: Double
    ) -> Duration {
        guard var entry = known[query] else { return now }
        entry.watch.failed(retryAfter: retryAfter, at: now, jitter: jitter)
        entry.index = nil
        known[query] = entry
        doubtful.insert(query)
        return entry.watch.question.notBefore
    }

    mutating func readDoubtful() { work.reads.formUnion(doubtful) }

    mutating func mustRead(_ query: CatalogQuery) { work.reads.insert(query) }

    private func concerns(_ check: Check, _ query: CatalogQuery) -> Bool {
        check.service.isEmpty ? known[query]?.nodes.contains(check.node) ?? false : check.service == query.service
    }
}
