// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HTTP

/// What is counted of requests.
struct TrafficTests {
    private static func traffic(_ ledger: RouteLedger) -> ProxyTraffic {
        var traffic = ProxyTraffic()
        traffic.routes = ledger.shown
        return traffic
    }

    @Test func `a request is counted by its route, its code and its duration`() {
        let ledger = RouteLedger()
        ledger.count(ledger.tally(of: "*/"), status: 200, microseconds: 250)
        ledger.count(ledger.tally(of: "*/"), status: 404, microseconds: 251)
        let route = ledger.shown.first
        #expect(ledger.shown.count == 1 && route?.name == "*/" && route?.codes == ["200": 1, "404": 1])
        #expect(route?.buckets.prefix(3) == [1, 1, 0] && route?.microseconds == 501)
    }

    @Test func `codes that nobody has registered share one place`() {
        let ledger = RouteLedger()
        for status: UInt16 in [299, 599, 600, 999, 99] {
            ledger.count(ledger.unrouted, status: status, microseconds: 1)
        }
        ledger.count(ledger.unrouted, status: 0, microseconds: 1)
        #expect(ledger.shown.map(\.codes) == [["other": 5, "none": 1]])
    }

    @Test func `what is longer than all bounds is counted behind them, and no duration is below 0`() {
        let ledger = RouteLedger()
        ledger.count(ledger.unrouted, status: 200, microseconds: .max)
        ledger.count(ledger.unrouted, status: 200, microseconds: -1)
        #expect(ledger.shown.first?.buckets.last == 1 && ledger.shown.first?.buckets.first == 1)
    }

    @Test func `routes beyond those that are remembered are counted with requests of none`() {
        let ledger = RouteLedger()
        for number in 0..<RouteLedger.routesMax { _ = ledger.tally(of: "\(number)") }
        ledger.count(ledger.tally(of: "one more"), status: 200, microseconds: 1)
        #expect(ledger.shown.map(\.name) == [""])
    }

    @Test func `two workers' figures add up by route and backend`() {
        let ledger = RouteLedger()
        ledger.count(ledger.tally(of: "*/"), status: 200, microseconds: 7)
        var one = Self.traffic(ledger)
        one.backends = [.init(service: "web", name: "a", requests: 3, connections: 2)]
        var sum = one
        sum.add(one)
        #expect(sum.routes.map(\.codes) == [["200": 2]] && sum.routes.first?.buckets.first == 2)
        #expect(sum.backends == [.init(service: "web", name: "a", requests: 6, connections: 4)])
        #expect(sum.withoutActive.backends.first?.connections == 0)
    }

    @Test func `a sum stays at the greatest number`() {
        var sum = ProxyTraffic()
        sum.retries = .max
        sum.add(sum)
        #expect(sum.retries == .max)
    }

    @Test func `of what a worker says only names that there are remain`() {
        var told = ProxyTraffic()
        told.routes = [.init(name: "*/", codes: ["200": 1, "x\"y": 2]), .init(name: "*/short", buckets: [1])]
        told.errors = ["noRoute": 1, "made up": 1]
        told.abuse = ["pings": 1, "made up": 1]
        let checked = told.checked
        #expect(checked.routes.map(\.codes) == [["200": 1]])
        #expect(checked.errors == ["noRoute": 1] && checked.abuse == ["pings": 1])
    }
}
