// SPDX-License-Identifier: Apache-2.0

import Admin
import Model
import Testing

@testable import sluiced

struct WorkerWireTests {
    @Test func `what the tool sends ends a worker`() throws {
        #expect(try WorkerWire.value(WorkerSockets.end, as: WorkerRequest.self) == .end)
    }

    @Test func `a listener's key is read as it was written`() throws {
        let vip = VIP(address: IPAddress(high: 0x2001_0db8 << 32, low: 9), port: 53, transport: .udp)
        let request = WorkerRequest.listen(ListenerKey(.relay, vip))
        #expect(try WorkerWire.value(WorkerWire.bytes(request), as: WorkerRequest.self) == request)
    }

    @Test func `an order brings its services as they were`() throws {
        var service = VirtualService(
            name: "web", vip: VIP(address: IPAddress(v4: 0x0a09_0909), port: 80, transport: .tcp),
            forwarding: .sockets)
        service.relay.proxyProtocol = .v2
        let placed = PlacedService(
            id: ServiceID(rawValue: 3), table: 0, service: service,
            backends: [
                PlacedBackend(
                    id: BackendID(rawValue: 7),
                    backend: Backend(name: "a", address: IPAddress(v4: 0x0a00_0001), port: 8080))
            ])
        let generation = Generation(epoch: 2, number: 5, seed: .max, services: [placed])
        let order = WorkerOrder(generation, services: [placed], down: [BackendID(rawValue: 7)], workers: 2, tls: [:])
        let read = try WorkerWire.value(WorkerWire.bytes(order), as: WorkerOrder.self)
        #expect(read == order)
        let relayed = try read.relayed()
        #expect(relayed.map(\.placed) == [placed] && relayed.map(\.seed) == [placed.flowSeed(of: .max)])
    }

    @Test func `an order does not say the fleet's secret`() throws {
        let secret: UInt64 = 0x1234_5678_9abc_def1
        let generation = Generation(epoch: 2, number: 5, seed: secret)
        let order = WorkerOrder(generation, services: [], down: [], workers: 2, tls: [:])
        #expect(!String(decoding: try WorkerWire.bytes(order), as: UTF8.self).contains("\(secret)"))
    }
}
