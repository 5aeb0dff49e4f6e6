// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Model
import Testing

@testable import Discovery

/// Which services are read again.
@Suite struct FleetStateTests {
    private let web = CatalogQuery(service: "web")
    private let api = CatalogQuery(service: "api")
    private typealias Check = FleetState.Check

    private func fleet(_ queries: [CatalogQuery]) -> FleetState {
        FleetState(Dictionary(uniqueKeysWithValues: queries.map { ($0, WatchState(at: .zero)) }))
    }

    /// Both services read, on nodes n1 and n2, and an empty list of checks.
    private func settled() throws -> FleetState {
        var state = fleet([web, api])
        _ = state.take()
        state.checksAre([])
        _ = state.take()
        for (query, node) in [(web, "n1"), (api, "n2")] {
            let answer = WatchAnswer(payload: try reading("\(node)/a"), isEmpty: false, index: 7)
            _ = state.read(query, answer, at: .zero)
        }
        return state
    }

    @Test func `at first all are read`() {
        var state = fleet([web, api])
        #expect(state.take() == FleetState.Work(reads: [web, api]))
        #expect(state.take().isEmpty)
    }

    @Test func `a registration asks for every index and reads what has moved`() throws {
        var state = try settled()
        state.registrationsMoved()
        #expect(state.take() == FleetState.Work(probes: [web, api]))
        state.probed(web, index: 7)
        state.probed(api, index: 8)
        #expect(state.take() == FleetState.Work(reads: [api]))
    }

    @Test func `a check that fails reads its service, and so does one that recovers`() throws {
        var state = try settled()
        let failing = Check(node: "n1", id: "c", status: "critical", service: "web")
        state.checksAre([failing])
        #expect(state.take() == FleetState.Work(reads: [web]))
        state.checksAre([])
        #expect(state.take() == FleetState.Work(reads: [web]))
    }

    @Test func `a check of a node reads the services that are on it`() throws {
        var state = try settled()
        state.checksAre([Check(node: "n2", id: "serfHealth", status: "critical", service: "")])
        #expect(state.take() == FleetState.Work(reads: [api]))
    }

    @Test func `the first list of checks asks for every index`() {
        var state = fleet([web])
        _ = state.take()
        state.checksAre([])
        #expect(state.take() == FleetState.Work(probes: [web]))
    }

    @Test func `a service that could not be read is not settled until it is`() throws {
        var state = try settled()
        _ = state.failed(web, retryAfter: nil, at: .zero, jitter: 0.5)
        #expect(state.settled == [api])
        _ = state.read(web, WatchAnswer(payload: try reading("n1/a"), isEmpty: false, index: 7), at: .seconds(1))
        #expect(state.settled == [web, api])
    }

    @Test func `an emptied service is not settled`() throws {
        var state = try settled()
        _ = state.read(web, WatchAnswer(payload: ServiceReading(), isEmpty: true, index: 9), at: .zero)
        #expect(state.settled == [api])
    }
}
