// SPDX-License-Identifier: Apache-2.0

import HTTP
import Model
import Programs
import Testing

@testable import sluiced

@Suite struct `What a worker's proxy goes by` {
    private static func placed(_ name: String, vip: String) throws -> PlacedService {
        let names = ["a", "b", "c"]
        let backends = try names.enumerated().map { index, name in
            PlacedBackend(
                id: BackendID(rawValue: UInt16(index + 1)),
                backend: Backend(name: name, address: try #require(IPAddress("10.1.0.\(index + 1)")), port: 80))
        }
        let service = VirtualService(name: name, vip: try #require(VIP(vip)), forwarding: .sockets)
        return PlacedService(
            id: ServiceID(rawValue: 1), table: 0, service: service, backends: backends,
            settled: names.enumerated().map {
                TableMember(id: BackendID(rawValue: UInt16($0.offset + 1)), name: $0.element, weight: 1)
            })
    }

    private static let front = "10.0.0.9:80/tcp"

    private static func bind(_ text: String) throws -> VIP { try #require(VIP(text)) }

    private static func content() throws -> HTTPContent {
        let listeners = [
            Listener(name: "front", bind: try #require(VIP(front))),
            Listener(name: "back", bind: try #require(VIP("10.0.0.8:80/tcp"))),
        ]
        let routes = [
            Route(listener: "back", targets: [.init(service: "web")]),
            Route(listener: "front", match: .init(path: "/a"), targets: [.init(service: "web")], upstream: .http2),
            Route(match: .init(path: "/b"), targets: [.init(service: "web")], upstream: .http2),
        ]
        return HTTPContent(
            routing: Routing(listeners: listeners, routes: routes),
            services: [try placed("web", vip: "10.0.0.1:80/tcp")])
    }

    @Test func `has its listener's routes alone, and a service once`() throws {
        let configuration = try #require(try Self.content().configuration(of: Self.bind(Self.front)))
        #expect(configuration.routes.map(\.path) == ["/a", "/b"])
        #expect(configuration.services.map(\.version) == [.http2])
        #expect(configuration.services.first?.backends.count == 3)
    }

    @Test func `leaves out backends that drain, and that probes see down`() throws {
        var content = try Self.content()
        content.services[0].backends[0].state = .draining
        content.down = [BackendID(rawValue: 2)]
        let configuration = try #require(content.configuration(of: Self.bind(Self.front)))
        #expect(configuration.services.flatMap(\.backends).map { "\($0.address)" } == ["10.1.0.3:80"])
    }

    @Test func `is nothing for a listener that is gone`() throws {
        #expect(try Self.content().configuration(of: Self.bind("10.0.0.7:80/tcp")) == nil)
    }

    @Test func `reaches it in its order`() throws {
        let content = try Self.content()
        let generation = Generation(
            epoch: 1, number: 2, seed: 3, services: content.services, routing: content.routing)
        let order = WorkerOrder(generation, services: [], down: [], workers: 2, tls: [:])
        let read = try WorkerWire.value(WorkerWire.bytes(order), as: WorkerOrder.self)
        #expect(try read.routing() == content.routing)
        #expect(try read.routed() == content.services)
        #expect(try read.relayed().isEmpty)
    }
}
