// SPDX-License-Identifier: Apache-2.0

import EventLoop
import HTTP
import Model
import TestSupport
import Testing

@testable import sluiced

/// A worker goes from one order to the next as a whole.
@Suite(.requires("root")) struct OrderStepTests {
    private static func order(
        _ services: [PlacedService], _ listeners: [Listener] = [], tls: [String: TLSMaterial] = [:]
    ) -> WorkerOrder {
        let generation = Generation(
            epoch: 1, number: 1, seed: 7, services: services, routing: Routing(listeners: listeners))
        return WorkerOrder(generation, services: services, down: [], workers: 1, tls: tls)
    }

    @Test func `an order that is wrong in one part changes nothing`() async throws {
        let worker = try LocalWorker()
        let socket = try Descriptor.listener(on: .loopback(port: 0))
        let address = try socket.localAddress()
        // The worker takes the socket for the VIP's.
        let vip = try #require(VIP("10.0.0.8:80/tcp"))
        let backend = PlacedBackend(
            id: BackendID(rawValue: 1), backend: Backend(name: "b", address: IPAddress(v4: 0xc000_0201), port: 80))
        let service = VirtualService(name: "web", vip: vip, forwarding: .sockets)
        var placed = PlacedService(id: ServiceID(rawValue: 3), table: 0, service: service, backends: [backend])
        placed.settled = placed.members
        try worker.link.tell(.apply, beside: Self.order([placed]))
        try worker.listen(ListenerKey(.relay, vip), by: socket)

        let secure = Listener(
            name: "front", bind: try #require(VIP("10.0.0.9:443/tcp")),
            tls: ListenerTLS(certificates: [.init(chain: "/chain", key: "/key")]))
        let broken = TLSMaterial([.init(chainFile: "/chain", keyFile: "/key", chain: [], key: [])])
        #expect(throws: WorkerRefusal.self) {
            try worker.link.tell(.apply, beside: Self.order([], [secure], tls: ["\(secure.bind)": broken]))
        }
        let client = try Descriptor.stream(for: address)
        _ = try client.connect(to: address)
        try await awaited("the service's connection") { try worker.accepted == 1 }
    }
}
