// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

/// Two lines of generations at one time: some hosts follow one of them, the others the other.
struct TwoLinesTests {
    private func next(
        _ services: [String: String], after previous: Generation?, beside other: Generation? = nil,
        absorbing: Bool = false, at now: Int64 = 0
    ) throws -> Generation {
        let entries = try services.map { try desired($0.value, name: $0.key) }
        let next = try Generation.next(
            desired: DesiredState(entries: entries), previous: previous, epoch: 1, seed: 1, now: now, beside: other,
            absorbing: absorbing)
        return try #require(next)
    }

    private func ids(_ generation: Generation) -> [String: UInt16] {
        var ids: [String: UInt16] = [:]
        for service in generation.services {
            ids[service.service.name] = service.id.rawValue
            for placed in service.backends {
                ids["\(service.service.name)/\(placed.backend.name)"] = placed.id.rawValue
            }
        }
        return ids
    }

    private let web = "10.0.0.1:80/tcp -> "
    private let dns = "10.0.0.2:53/udp -> "

    @Test func `what is the same in both has one id, what is not has none of the other's`() throws {
        let base = try next(["web": web + "a, b"], after: nil)
        let canary = try next(["web": web + "a, b, x", "dns": dns + "d"], after: base, beside: base)
        let current = try next(["web": web + "a, b, y"], after: base, beside: canary)
        let second = try next(["web": web + "a, b, x, y", "dns": dns + "d"], after: canary, beside: current)
        #expect(ids(current)["web/y"] != ids(canary)["web/x"])
        #expect(ids(current)["web/y"] != ids(canary)["dns/d"])
        #expect(ids(second)["web/y"] == ids(current)["web/y"])
        #expect(ids(second)["web/x"] == ids(canary)["web/x"])
    }

    @Test func `numbers go up over both`() throws {
        let base = try next(["web": web + "a"], after: nil)
        let canary = try next(["web": web + "a, x"], after: base, beside: base)
        let current = try next(["web": web + "a, y"], after: base, beside: canary)
        #expect([base, canary, current].map(\.number) == [1, 2, 3])
    }

    @Test func `a confirmed line is taken over with its ids and places`() throws {
        let base = try next(["web": web + "a, b"], after: nil)
        let wanted = ["web": web + "a, x", "dns": dns + "d"]
        let canary = try next(wanted, after: base, beside: base)
        let confirmed = try next(wanted, after: base, beside: canary, absorbing: true, at: 60)
        #expect(ids(confirmed) == ids(canary))
        let tables = { (generation: Generation) in generation.services.map { $0.table } }
        #expect(tables(confirmed) == tables(canary))
    }

    @Test func `what only the rolled back line had drains, so that its flows can end`() throws {
        let base = try next(["web": web + "a, b"], after: nil)
        let canary = try next(["web": web + "a, b, x"], after: base, beside: base)
        let back = try next(["web": web + "a, b"], after: base, beside: canary, absorbing: true, at: 60)
        #expect("\(Notation(back.services[0]))" == "10.0.0.1:80/tcp -> a, b, x draining")
        #expect(ids(back) == ids(canary))
    }
}
