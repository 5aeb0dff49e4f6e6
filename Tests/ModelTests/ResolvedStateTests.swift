// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

/// A catalog's instances become backends, and the brake holds back what would be too much.
struct ResolvedStateTests {
    private let query = CatalogQuery(service: "web")

    /// `10.0.0.1:80/tcp` with these of its own, and the catalog's.
    private func entry(_ own: String = "", brake: Brake = Brake()) throws -> DesiredState.Entry {
        var entry = try desired("10.0.0.1:80/tcp -> \(own.isEmpty ? "x" : own)", brake: brake)
        if own.isEmpty { entry.backends = [] }
        entry.query = query
        return entry
    }

    /// Instances by a letter and a word: `a`, `b out`, `c draining`, `d w0`.
    private func instances(_ text: String) throws -> [CatalogInstance] {
        let vip = try #require(VIP("10.0.0.1:80/tcp"))
        return try text.split(separator: ",").map { item in
            let words = item.split(separator: " ")
            let name = String(try #require(words.first))
            let state = words.dropFirst().compactMap { CatalogInstance.State(rawValue: String($0)) }.first
            return CatalogInstance(
                name: name, address: Notation.address(of: name, like: vip.address), port: 80,
                weight: words.contains("w0") ? 0 : 1,
                state: state ?? .active)
        }
    }

    private func catalog(_ text: String?, suspect: String? = nil) throws -> Catalog {
        Catalog(services: [
            query: CatalogService(
                reading: try text.map { ServiceReading(instances: try instances($0)) },
                suspect: try suspect.map { ServiceReading(instances: try instances($0)) })
        ])
    }

    /// One generation after another, from what the catalog says; the last one's notation and what is held back.
    private func story(
        _ catalogs: [Catalog], own: String = "", brake: Brake = Brake(), overrides: [Override] = []
    ) throws -> (text: String, held: [HeldBack]) {
        var generation: Generation?
        var held: [HeldBack] = []
        for (index, catalog) in catalogs.enumerated() {
            let resolution = DesiredState(entries: [try entry(own, brake: brake)])
                .resolved(by: catalog, overrides: overrides, after: generation, now: Int64(index))
            held = resolution.held
            generation =
                try Generation.next(
                    desired: resolution.desired, overrides: resolution.overrides, previous: generation, epoch: 1,
                    seed: 1, now: Int64(index)) ?? generation
        }
        let service = try #require(generation?.services.first)
        return ("\(Notation(service))", held)
    }

    @Test func `instances stand beside the document's own backends`() throws {
        #expect(try story([try catalog("a, b")], own: "x").text == "10.0.0.1:80/tcp -> a, b, x")
    }

    @Test func `maintenance drains, critical has weight 0`() throws {
        let text = try story([try catalog("a, b, c, d"), try catalog("a, b, c draining, d out")]).text
        #expect(text == "10.0.0.1:80/tcp -> a, b, c draining, d w0")
    }

    @Test func `what the catalog has no more drains`() throws {
        #expect(try story([try catalog("a, b, c"), try catalog("a, b")]).text == "10.0.0.1:80/tcp -> a, b, c draining")
    }

    @Test func `a service that was never read keeps what it has`() throws {
        let text = try story([try catalog("a, b"), try catalog(nil)], own: "x").text
        #expect(text == "10.0.0.1:80/tcp -> a, b, x")
    }

    @Test func `more than the brake allows is held back and named`() throws {
        let (text, held) = try story([try catalog("a, b, c, d"), try catalog("a")])
        #expect(text == "10.0.0.1:80/tcp -> a, b, c, d")
        let line = "service web: the catalog would leave 1 of 4 active; 3 stay, held back by the brake"
        #expect(held.map(\.description) == [line])
        #expect(held.first?.backends == ["b", "c", "d"])
    }

    @Test func `what comes is not held back with what goes`() throws {
        let text = try story([try catalog("a, b, c, d"), try catalog("a, e")]).text
        #expect(text == "10.0.0.1:80/tcp -> a, b, c, d, e")
    }

    @Test(arguments: ["", "a out, b out", "a draining, b draining", "a w0, b w0"])
    func `an empty answer is held back, in whatever way it is empty`(answer: String) throws {
        let (text, held) = try story([try catalog("a, b"), try catalog(answer)])
        #expect(text == "10.0.0.1:80/tcp -> a, b")
        #expect(held.first?.left == 0)
    }

    @Test func `an answer that looks like a mistake comes as far as the brake lets it`() throws {
        let some = try story([try catalog("a, b, c, d"), try catalog("a, b, c, d", suspect: "a, b, c")])
        #expect(some.text == "10.0.0.1:80/tcp -> a, b, c, d draining")
        let none = try story([try catalog("a, b, c, d"), try catalog("a, b, c, d", suspect: "")])
        #expect(none.text == "10.0.0.1:80/tcp -> a, b, c, d")
        #expect(none.held.count == 1)
    }

    @Test func `with a brake that holds nothing a service may be emptied`() throws {
        let brake = Brake(minimumActive: 0, maximumRemoved: 100)
        let (text, held) = try story([try catalog("a, b"), try catalog("")], brake: brake)
        #expect(text == "10.0.0.1:80/tcp -> a draining, b draining")
        #expect(held.isEmpty)
    }

    @Test func `what people drain does not count for the brake`() throws {
        let drains = ["a", "b"].map { Override(service: "web", backend: $0, author: "eve", reason: "") }
        let first = try catalog("a, b, c, d")
        let (text, held) = try story([first, first, try catalog("c, d")], overrides: drains)
        #expect(held.isEmpty)
        #expect(text == "10.0.0.1:80/tcp -> c, d")
    }

    @Test func `what the document takes out is not held back`() throws {
        let before = DesiredState(entries: [try entry("x, y, z")])
        let known = try catalog("a")
        let first = before.resolved(by: known, after: nil, now: 0)
        let generation = try Generation.next(desired: first.desired, previous: nil, epoch: 1, seed: 1, now: 0)
        let after = DesiredState(entries: [try entry("")])
        #expect(after.resolved(by: known, after: generation, before: before, now: 1).held.isEmpty)
        #expect(after.resolved(by: known, after: generation, now: 1).held.count == 1)
    }

    @Test func `an instance that cannot serve is left out and named, and the rest stand`() throws {
        var catalog = try catalog("a, x")
        catalog.services[query]?.reading?.instances.append(
            CatalogInstance(name: "n/1", address: try #require(IPAddress("127.0.0.1")), port: 80))
        let resolution = DesiredState(entries: [try entry("x")]).resolved(by: catalog, after: nil, now: 0)
        #expect(resolution.desired.entries[0].backends.map(\.name) == ["x", "a"])
        #expect(
            resolution.problems == [
                "service web: instance x: the document has a backend of this name",
                "service web: instance n/1: address 127.0.0.1 is a loopback address",
            ])
    }

    @Test func `a service none of whose instances takes anything does not keep the others from the fleet`() throws {
        #expect(try story([try catalog("a out, b out")]).text.hasSuffix("->"))
    }
}
