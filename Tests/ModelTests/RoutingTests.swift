// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Model

@Suite struct `Listeners and routes of a generation` {
    private static func generation(_ routing: Routing) throws -> Generation {
        let entry = try desired("10.0.0.1:80/tcp -> a")
        let next = try Generation.next(
            desired: DesiredState(entries: [entry], routing: routing), previous: nil, epoch: 1, seed: 0xab, now: 0)
        return try #require(next)
    }

    private static func routing(_ routes: Route...) throws -> Routing {
        Routing(listeners: [Listener(name: "web", bind: try #require(VIP("10.0.0.9:80/tcp")))], routes: routes)
    }

    private static let route = Route(targets: [.init(service: "web")])

    private func faults(_ routing: Routing) throws -> [String] {
        let entry = try desired("10.0.0.1:80/tcp -> a")
        do throws(ValidationError) {
            _ = try Generation.next(
                desired: DesiredState(entries: [entry], routing: routing), previous: nil, epoch: 1, seed: 1, now: 0)
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    @Test func `need schema 4, and are read as they were written`() throws {
        let match = Route.Match(
            host: "*.example.org", path: "/api/", isExact: false, method: "GET",
            headers: [.init(name: "x-b", value: "1"), .init(name: "x-a")])
        let full = Route(
            listener: "web", match: match, targets: [.init(service: "web", weight: 9)], upstream: .http2,
            timeout: .milliseconds(1500), retries: 3)
        let generation = try Self.generation(try Self.routing(full, Self.route))
        #expect(generation.schema == 4)
        let digests = ["web": String(repeating: "0", count: 64)]
        let bytes = generation.manifestBytes(digests: digests)
        let manifest = try Generation.Manifest(bytes)
        #expect(manifest.bytes == bytes)
        #expect(try Generation(manifest, services: generation.services) == generation)
    }

    @Test func `are what they were when schema 4 was set down`() throws {
        let routing = try Self.routing(Self.route)
        let bytes = Generation(epoch: 1, number: 1, seed: 0xab, routing: routing).manifestBytes(digests: [:])
        let expected = """
            {"epoch":1,"flow-hash":3,"http":{"listeners":[{"bind":"10.0.0.9:80/tcp","name":"web",\
            "protocol":"http"}],"routes":[{"exact":false,"path":"/","retries":1,"services":[{"name":"web",\
            "weight":1}],"timeout-ms":30000,"upstream":"http1"}]},"next-backend-id":1,"number":1,"schema":4,\
            "seed":"00000000000000ab","services":[],"table-hash":1}
            """
        #expect(String(decoding: bytes, as: UTF8.self) == expected)
    }

    @Test func `name the file of an access log, from the root on`() throws {
        var routing = try Self.routing(Self.route)
        var listener = try #require(routing.listeners.first)
        listener.accessLog = "/var/log/sluice/web.json"
        routing = Routing(listeners: [listener], routes: routing.routes)
        let generation = try Self.generation(routing)
        let digests = ["web": String(repeating: "0", count: 64)]
        let manifest = try Generation.Manifest(generation.manifestBytes(digests: digests))
        #expect(try Generation(manifest, services: generation.services) == generation)
        listener.accessLog = "web.json"
        let faults = try faults(Routing(listeners: [listener], routes: routing.routes))
        #expect(faults == ["listener web: access log 'web.json' is no full path"])
    }

    @Test func `say what backends are told of clients, and by whom`() throws {
        let bind = try #require(VIP("10.0.0.9:80/tcp"))
        let prefix = try #require(IPPrefix(IPAddress(v4: 0x0a00_0000), length: 8))
        let listener = Listener(name: "web", bind: bind, forwarded: .both, trustedProxies: [prefix, prefix])
        let generation = try Self.generation(Routing(listeners: [listener], routes: [Self.route]))
        let digests = ["web": String(repeating: "0", count: 64)]
        let manifest = try Generation.Manifest(generation.manifestBytes(digests: digests))
        let read = try Generation(manifest, services: generation.services)
        #expect(read == generation && read.routing.listeners.first?.trustedProxies == [prefix])
    }

    @Test func `name TLS's files and hold none of them`() throws {
        let tls = ListenerTLS(
            certificates: [.init(chain: "/a.pem", key: "/a.key"), .init(chain: "/b.pem", key: "/b.key")],
            clientAuthority: "/ca.pem", speeches: [.http1], minimumVersion: .tls13)
        let bind = try #require(VIP("10.0.0.9:443/tcp"))
        let routing = Routing(listeners: [Listener(name: "web", bind: bind, tls: tls)], routes: [Self.route])
        let generation = try Self.generation(routing)
        let digests = ["web": String(repeating: "0", count: 64)]
        let manifest = try Generation.Manifest(generation.manifestBytes(digests: digests))
        #expect(try Generation(manifest, services: generation.services) == generation)
    }

    @Test func `say where connections of other protocols go`() throws {
        let bind = try #require(VIP("10.0.0.9:443/tcp"))
        let passages = [Sniffing.Passage(host: "b.test", service: "web"), .init(host: "a.test", service: "web")]
        let listener = Listener(name: "web", bind: bind, sniffing: Sniffing(passages: passages, raw: "web"))
        let generation = try Self.generation(Routing(listeners: [listener], routes: [Self.route]))
        let digests = ["web": String(repeating: "0", count: 64)]
        let manifest = try Generation.Manifest(generation.manifestBytes(digests: digests))
        #expect(try Generation(manifest, services: generation.services) == generation)
    }

    @Test func `to a raw service that is not there are refused`() throws {
        let bind = try #require(VIP("10.0.0.9:443/tcp"))
        let listener = Listener(name: "web", bind: bind, sniffing: Sniffing(raw: "wbe"))
        #expect(
            try faults(Routing(listeners: [listener])) == ["listener web: service wbe is not there"])
    }

    @Test func `with TLS need certificates by absolute paths`() throws {
        let bind = try #require(VIP("10.0.0.9:443/tcp"))
        func faults(_ tls: ListenerTLS) throws -> [String] {
            try self.faults(Routing(listeners: [Listener(name: "web", bind: bind, tls: tls)], routes: [Self.route]))
        }
        #expect(try faults(ListenerTLS(certificates: [])) == ["listener web: TLS needs a certificate"])
        #expect(
            try faults(ListenerTLS(certificates: [.init(chain: "a.pem", key: "/a.key")]))
                == ["listener web: a.pem is no absolute path"])
    }

    @Test func `make a generation by themselves`() throws {
        let first = try Self.generation(Routing())
        let next = try Generation.next(
            desired: DesiredState(
                entries: [try desired("10.0.0.1:80/tcp -> a")], routing: try Self.routing(Self.route)),
            previous: first, epoch: 1, seed: 0xab, now: 0)
        #expect(next?.number == 2)
        #expect(first.schema == 1)
    }

    @Test func `to an unknown service are refused`() throws {
        let route = Route(targets: [.init(service: "wbe")])
        #expect(try faults(try Self.routing(route)) == ["route 1 (*/): service wbe is not there"])
    }

    @Test func `that are the same are refused, also where one is for all listeners`() throws {
        var own = Self.route
        own.listener = "web"
        #expect(try faults(try Self.routing(Self.route, own)) == ["route 2 (*/): route 1 is the same"])
    }

    @Test func `on a service's own address are refused`() throws {
        let listener = Listener(name: "web", bind: try #require(VIP("10.0.0.1:80/tcp")))
        #expect(
            try faults(Routing(listeners: [listener])) == ["listener web: 10.0.0.1:80/tcp belongs to service web"])
    }

    @Test(arguments: ["/", "/api/", "/a%20b", "/~x/y;z=1", "/a/b"])
    func `match paths in the form that requests are compared in`(path: String) {
        #expect(RouteText.pathFault(path) == nil)
    }

    @Test(arguments: ["", "api", "/a//b", "/a/../b", "/a/.", "/%7Ex", "/%2", "/a%2f", "/a?b", "/a b", "/\u{e4}"])
    func `match no path that a request never has`(path: String) {
        #expect(RouteText.pathFault(path) != nil)
    }
}
