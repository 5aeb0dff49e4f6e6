// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Logging
import Model
import TestSupport
import Testing

@testable import sluiced

/// What a daemon makes of the workers that an earlier one left.
struct AdoptionTests {
    @Test func `a service that has fallen to sockets stays with its worker until the packet path has it`() async throws
    {
        let site = try AdoptionSite()
        let worker = try site.worker(holding: [site.key])
        // The daemon does not know yet that no interface takes XDP.
        _ = await site.workforce.apply(site.generation, services: [], down: [])
        #expect(try worker.services == [["web"]])
        await site.workforce.finish(services: site.generation.services)
        _ = await site.workforce.apply(site.generation, services: site.generation.services, down: [])
        #expect(!worker.told.withLock { $0 }.contains(.drain))
        #expect(!worker.told.withLock { $0 }.contains(.stopListening(site.key)))
    }

    @Test func `what a worker holds of a service that is gone ends with the packet path's order`() async throws {
        let site = try AdoptionSite()
        let worker = try site.worker(holding: [site.key])
        _ = await site.workforce.apply(Generation(epoch: 1, number: 2, seed: 7), services: [], down: [])
        #expect(try worker.services == [[]])
        await site.workforce.finish(services: [])
        let last = worker.told.withLock { Array($0.suffix(2)) }
        #expect(last == [.stopListening(site.key), .drain])
    }
}

/// A workforce of one worker with a directory of its own, and a generation of one service.
struct AdoptionSite {
    let directory: TemporaryDirectory
    let workforce: Workforce
    let generation: Generation
    /// Of the service's listener.
    let key: ListenerKey

    init(workers: Int = 1) throws {
        let directory = try TemporaryDirectory()
        self.directory = directory
        let vip = VIP(address: IPAddress(v4: 0x0a09_0909), port: 80, transport: .tcp)
        key = ListenerKey(.relay, vip)
        generation = Generation(
            epoch: 1, number: 1, seed: 7,
            services: [
                PlacedService(
                    id: ServiceID(rawValue: 3), table: 0,
                    service: VirtualService(name: "web", vip: vip, forwarding: .ipip), backends: [])
            ])
        let logger = Logger(label: "adoption") { _ in SwiftLogNoOpLogHandler() }
        workforce = Workforce(
            loop: try EventLoop.start(name: "adoption"),
            spawn: WorkerSpawn(directory: directory.path, user: 0, group: 0),
            listeners: ListenerSockets(
                workers: workers,
                settings: .init(sources: directory.path, cache: directory.path, pins: directory.path), logger: logger),
            logger: logger)
    }

    func worker(slot: Int = 0, holding keys: [ListenerKey] = [], identity: WorkerIdentity? = nil) throws -> FakeWorker {
        let sockets = try keys.map { ($0, try Self.socket($0.vip)) }
        return try FakeWorker(in: directory.path, slot: slot, holding: sockets, identity: identity)
    }

    /// As the daemon opens it.
    static func socket(_ vip: VIP) throws -> OwnedDescriptor {
        OwnedDescriptor(
            try Descriptor.listener(
                on: SocketAddress(high: vip.address.high, low: vip.address.low, port: vip.port), reusePort: true,
                freely: true))
    }
}
