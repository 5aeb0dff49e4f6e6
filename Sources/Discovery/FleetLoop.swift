// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Model
import Synchronization

/// Keeps a fleet's state and obeys it.
final class FleetLoop: Sendable {
    private enum Question: Hashable { case registrations, checks }

    private let state: Mutex<FleetState>
    /// Why one of the two questions is not answered.
    private let silent = Mutex<[Question: ConsulError]>([:])
    private let reader: ConsulReader
    private let board: CatalogBoard
    private let wakes: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    init(_ queries: Set<CatalogQuery>, reader: ConsulReader, board: CatalogBoard) {
        let watchers = queries.map { ($0, board.watcher(of: $0, reader.settings)) }
        state = Mutex(FleetState(Dictionary(uniqueKeysWithValues: watchers)))
        self.reader = reader
        self.board = board
        // What is to be done lies in the state: one wake-up stands for all before it.
        (wakes, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func run() async {
        wake.yield()
        await withDiscardingTaskGroup { group in
            group.addTask { [self] in await followRegistrations() }
            group.addTask { [self] in await followChecks() }
            for await _ in wakes { await work(&group) }
        }
    }

    private func followRegistrations() async {
        var settings = reader.settings
        // Each move of the index costs a small request a service.
        settings.pacing = Pacing(news: .seconds(1))
        var watch = WatchState<UInt64>(settings, at: reader.clock.now)
        while !Task.isCancelled {
            guard let outcome = await reader.ask(&watch, { try await self.reader.registrations($0) }) else { return }
            if case .success(.changed) = outcome { state.withLock { $0.registrationsMoved() } }
            answered(.registrations, outcome)
        }
    }

    private func followChecks() async {
        var watch = WatchState<Set<FleetState.Check>>(reader.settings, at: reader.clock.now)
        while !Task.isCancelled {
            guard let outcome = await reader.ask(&watch, { try await self.reader.checks($0) }) else { return }
            if case .success(.changed(let checks)) = outcome { state.withLock { $0.checksAre(checks) } }
            answered(.checks, outcome)
        }
    }

    private func answered<Payload>(_ question: Question, _ outcome: Result<WatchNews<Payload>, ConsulError>) {
        switch outcome {
        case .success:
            let (isWhole, wasSilent) = silent.withLock { silent in
                let wasSilent = silent.removeValue(forKey: question) != nil
                return (silent.isEmpty, wasSilent)
            }
            if wasSilent { state.withLock { $0.readDoubtful() } }
            guard isWhole else { break }
            for query in state.withLock({ $0.settled }) { board.found(.unchanged, of: query) }
        case .failure(let error):
            silent.withLock { $0[question] = error }
            for query in state.withLock({ $0.queries }) { tell(error, of: query) }
        }
        wake.yield()
    }

    private func work(_ group: inout DiscardingTaskGroup) async {
        while case let work = state.withLock({ $0.take() }), !work.isEmpty {
            let retries = await withTaskGroup(of: (CatalogQuery, Duration)?.self) { tasks in
                // The client bounds how many are under way.
                for query in work.probes { tasks.addTask { [self] in await probe(query) } }
                for query in work.reads { tasks.addTask { [self] in await read(query) } }
                return await tasks.reduce(into: [(CatalogQuery, Duration)]()) { if let retry = $1 { $0.append(retry) } }
            }
            for (query, time) in retries {
                group.addTask { [self] in await later(query, time) }
            }
            if Task.isCancelled { return }
        }
    }

    private func later(_ query: CatalogQuery, _ time: Duration) async {
        do {
            try await reader.clock.sleep(until: time)
        } catch {
            return
        }
        state.withLock { $0.mustRead(query) }
        wake.yield()
    }

    private func probe(_ query: CatalogQuery) async -> (CatalogQuery, Duration)? {
        do {
            let index = try await reader.index(of: query)
            state.withLock { $0.probed(query, index: index) }
            return nil
        } catch {
            return failed(query, error)
        }
    }

    private func read(_ query: CatalogQuery) async -> (CatalogQuery, Duration)? {
        do {
            let question = WatchQuestion(consistency: .default, blocking: nil, notBefore: .zero)
            let answer = try await reader.reading(of: query, question)
            board.found(.news(state.withLock { $0.read(query, answer, at: reader.clock.now) }), of: query)
            return nil
        } catch {
            return failed(query, error)
        }
    }

    private func failed(_ query: CatalogQuery, _ error: any Error) -> (CatalogQuery, Duration)? {
        guard let error = error as? ConsulError else { return nil }
        tell(error, of: query)
        let now = reader.clock.now
        let time = state.withLock {
            $0.failed(query, retryAfter: error.retryAfter, at: now, jitter: .random(in: 0..<1))
        }
        return (query, time)
    }

    private func tell(_ error: ConsulError, of query: CatalogQuery) {
        board.found(.failure(CatalogTrouble.Kind(error.kind), error.description), of: query)
    }
}
