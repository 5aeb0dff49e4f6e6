// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@Suite struct PredictionTests {
    private func change(
        _ before: String, _ after: String, after time: Int64 = 1, down: Set<String> = [],
        _ adjust: (inout VirtualService) -> Void = { _ in }
    ) throws -> ServiceChange? {
        var fleet = Fleet(entries: [try desired(before)])
        try fleet.step(at: 0)
        let old = try #require(fleet.generation)
        fleet.entries = [try desired(after)]
        adjust(&fleet.entries[0].service)
        try fleet.step(at: time)
        let new = try #require(fleet.generation)
        return Prediction(from: old, to: new) { down.contains($1) }.services.first
    }

    private func kinds(_ change: ServiceChange?) -> [String] {
        (change?.backends ?? []).map { "\($0.backend.name) \($0.kind)" }
    }

    @Test func `the same again changes nothing`() throws {
        #expect(try change("10.0.0.1:443/tcp -> a, b", "10.0.0.1:443/tcp -> b, a") == nil)
    }

    @Test func `backends come, drain and weigh something else`() throws {
        let change = try change("10.0.0.1:443/tcp -> a, b, c", "10.0.0.1:443/tcp -> a w3, c, d")
        #expect(kinds(change) == ["a reweighted(from: 1)", "b drains", "d added"])
        #expect(change?.kind == .changed)
        #expect(change?.slots?.cut == 0)
    }

    @Test func `another address is another backend beside which the old one drains`() throws {
        let change = try change("10.0.0.1:443/tcp -> a @10.0.0.5, b", "10.0.0.1:443/tcp -> a @10.0.0.6, b")
        #expect(kinds(change) == ["a drains", "a added"])
    }

    @Test func `without a drain time the flows of what is removed are cut`() throws {
        let change = try change("10.0.0.1:443/tcp -> a, b, c", "10.0.0.1:443/tcp -> a, c") { $0.drain = .zero }
        #expect(kinds(change) == ["b leaves"])
        let slots = try #require(change?.slots)
        #expect(slots.cut == -(slots.balance[BackendID(rawValue: 2)] ?? 0))
        #expect(slots.tracked == slots.movement.collateral)
    }

    @Test func `a policy alone moves no slot`() throws {
        let text = "10.0.0.1:443/tcp -> a, b"
        let change = try change(text, text) { $0.flowIdle = .milliseconds(1500) }
        #expect(change?.kind == .unmoved)
        #expect(change?.settings.map { [$0.key, $0.from, $0.to] } == [["flow-idle", "3600s", "1500ms"]])
    }

    @Test func `another table's size moves all flows but those that chance leaves`() throws {
        let text = "10.0.0.1:443/tcp -> a, b, c, d"
        let change = try change(text, text) { $0.tableSize = .medium }
        #expect(change?.kind == .remapped(flows: 0.75))
        #expect(change?.slots == nil)
    }

    @Test func `what is down has no slot to lose`() throws {
        let change = try change("10.0.0.1:443/tcp -> a, b, c", "10.0.0.1:443/tcp -> a, c", down: ["b"])
        #expect(kinds(change) == ["b drains"])
        #expect(change?.kind == .unmoved)
    }

    @Test func `the brake of a smaller service may ignore what is down`() throws {
        let (before, after) = ("10.0.0.1:443/tcp -> a, b, c, d", "10.0.0.1:443/tcp -> c, d")
        let change = try change(before, after, down: ["c", "d"])
        #expect(change?.isIsolated == true)
    }

    @Test func `services come and go`() throws {
        let (web, dns) = (try desired("10.0.0.1:443/tcp -> a"), try desired("10.0.0.2:53/udp -> a", name: "dns"))
        var fleet = Fleet(entries: [web, dns])
        try fleet.step(at: 0)
        let old = fleet.generation
        fleet.entries = [web, try desired("10.0.0.3:80/tcp -> z", name: "api")]
        try fleet.step(at: 1)
        let prediction = Prediction(from: old, to: try #require(fleet.generation))
        #expect(prediction.services.map(\.name) == ["api", "dns"])
        #expect(prediction.services.map(\.kind) == [.added, .removed])
    }
}
