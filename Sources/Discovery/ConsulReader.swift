// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Model
import Synchronization

/// Asks Consul what the watchers want to know, and counts what it costs.
final class ConsulReader: Sendable {
    let clock: CatalogClock
    let settings: WatchSettings
    private let client: ConsulClient
    private let counted = Mutex(ConsulCatalog.Cost())

    init(_ client: ConsulClient, clock: CatalogClock, settings: WatchSettings) {
        self.client = client
        self.clock = clock
        self.settings = settings
    }

    var cost: ConsulCatalog.Cost { counted.withLock { $0 } }

    /// Asks a watcher's question when it is time, and tells it the answer; nil when the task is cancelled.
    func ask<Payload>(
        _ state: inout WatchState<Payload>, _ request: (WatchQuestion) async throws -> WatchAnswer<Payload>
    ) async -> Result<WatchNews<Payload>, ConsulError>? {
        do {
            try await clock.sleep(until: state.question.notBefore)
            let answer = try await request(state.question)
            return .success(state.answered(answer, at: clock.now))
        } catch let error as ConsulError {
            state.failed(retryAfter: error.retryAfter, at: clock.now, jitter: .random(in: 0..<1))
            return .failure(error)
        } catch {
            return nil
        }
    }

    func reading(of query: CatalogQuery, _ question: WatchQuestion) async throws -> WatchAnswer<ServiceReading> {
        let answer = try await client.healthService(
            query.service, filter: query.filter, query: Self.scope(query), consistency: question.consistency,
            blocking: question.blocking)
        count(answer.response)
        return WatchAnswer(
            payload: ServiceReading(answer.value, taggedAddress: query.taggedAddress), isEmpty: answer.value.isEmpty,
            response: answer.response)
    }

    /// The index of a service, which moves with it alone, without its instances.
    func index(of query: CatalogQuery) async throws -> UInt64? {
        let answer = try await client.healthService(
            query.service, filter: "Service.ID == \"\(Self.nobody)\"", query: Self.scope(query))
        count(answer.response)
        return answer.response.index
    }

    /// The index of all registrations: which services there are does not tell that an instance came or went.
    func registrations(_ question: WatchQuestion) async throws -> WatchAnswer<UInt64> {
        let answer = try await client.catalogServices(consistency: question.consistency, blocking: question.blocking)
        count(answer.response)
        return WatchAnswer(payload: answer.response.index, isEmpty: false, response: answer.response)
    }

    /// The services of which an instance has a tag that asks for a route.
    func tagged(_ question: WatchQuestion) async throws -> WatchAnswer<Set<String>> {
        let answer = try await client.catalogServices(consistency: question.consistency, blocking: question.blocking)
        count(answer.response)
        let found = answer.value.filter { _, tags in
            tags.contains { tag in RouteWords.tagPrefixes.contains { tag.hasPrefix($0) } }
        }
        return WatchAnswer(payload: Set(found.keys), isEmpty: found.isEmpty, response: answer.response)
    }

    /// All checks that do not pass.
    func checks(_ question: WatchQuestion) async throws -> WatchAnswer<Set<FleetState.Check>> {
        let answer = try await client.healthStates(
            filter: "Status != \"passing\"", consistency: question.consistency, blocking: question.blocking)
        count(answer.response)
        let checks = answer.value.map {
            FleetState.Check(node: $0.node, id: $0.id, status: $0.status, service: $0.serviceName)
        }
        return WatchAnswer(payload: Set(checks), isEmpty: false, response: answer.response)
    }

    /// An id that no instance has.
    private static let nobody = "sluice-asks-for-the-index"

    private static func scope(_ query: CatalogQuery) -> [ConsulParameter] {
        query.datacenter.map { [ConsulParameter("dc", $0)] } ?? []
    }

    private func count(_ response: ConsulResponse) {
        counted.withLock {
            $0.requests += 1
            $0.bytes += response.body.count
        }
    }
}
