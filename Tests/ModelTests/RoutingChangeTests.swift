// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@Suite struct RoutingChangeTests {
    private static func listener(_ name: String, port: UInt16 = 80) -> Listener {
        Listener(name: name, bind: VIP(address: IPAddress(v4: 0x0a00_0009), port: port, transport: .tcp))
    }

    private static func route(_ path: String, to service: String = "web", at listener: String? = nil) -> Route {
        Route(listener: listener, match: .init(path: path), targets: [.init(service: service)])
    }

    @Test func `the same again changes nothing`() {
        let routing = Routing(listeners: [Self.listener("a")], routes: [Self.route("/"), Self.route("/b")])
        #expect(RoutingChange.listeners(from: routing, to: routing).isEmpty)
        #expect(RoutingChange.routes(from: routing, to: routing).isEmpty)
        #expect(!RoutingChange.reorders(from: routing, to: routing))
    }

    @Test func `listeners come, go, and get other settings`() {
        let old = Routing(listeners: [Self.listener("a"), Self.listener("b", port: 81)])
        var changed = Self.listener("b", port: 82)
        changed.accessLog = "/a.json"
        let new = Routing(listeners: [changed, Self.listener("c", port: 83)])
        let changes = RoutingChange.listeners(from: old, to: new)
        #expect(changes.map { "\($0.name) \($0.kind)" } == ["b changed", "c added", "a removed"])
        #expect(
            changes[0].changes.map { "\($0.key) \($0.from) \($0.to)" } == ["port 81 82", "access-log none /a.json"])
    }

    @Test func `a route that takes the same requests elsewhere is changed, one that takes others is another`() {
        let old = Routing(routes: [Self.route("/a"), Self.route("/b"), Self.route("/")])
        let new = Routing(routes: [Self.route("/a", to: "api"), Self.route("/b", at: "front"), Self.route("/")])
        let changes = RoutingChange.routes(from: old, to: new)
        #expect(changes.map { "\($0.name) \($0.kind)" } == ["*/a changed", "*/b at front added", "*/b removed"])
        #expect(changes[0].changes.map { "\($0.key) \($0.from) \($0.to)" } == ["services web w1 api w1"])
    }

    @Test func `another order is told, but not where routes only come and go`() {
        let old = Routing(routes: [Self.route("/a"), Self.route("/b")])
        #expect(RoutingChange.reorders(from: old, to: Routing(routes: [Self.route("/b"), Self.route("/a")])))
        #expect(!RoutingChange.reorders(from: old, to: Routing(routes: [Self.route("/c"), Self.route("/b")])))
    }
}
