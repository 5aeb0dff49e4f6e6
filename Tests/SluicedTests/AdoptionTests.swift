// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import Logging
import Model
import Synchronization
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

    @Test func `a worker that answers wrongly keeps its socket, and is asked again`() async throws {
        let site = try AdoptionSite()
        let worker = try site.worker { $0 == .hello ? .init(word: .done) : nil }
        _ = await site.workforce.apply(site.generation, services: [], down: [])
        #expect(access(worker.path, F_OK) == 0)
        #expect(await Array(site.workforce.unreached.keys) == [worker.path])
    }

    @Test func `a socket that nobody listens at is removed`() async throws {
        let site = try AdoptionSite()
        let path = "\(site.directory.path)/0-dead.sock"
        _ = try PacketSocket.listener(at: path)
        _ = await site.workforce.apply(site.generation, services: [], down: [])
        #expect(access(path, F_OK) != 0)
    }

    @Test func `a worker that says it is another is not adopted`() async throws {
        let site = try AdoptionSite()
        let identity = WorkerIdentity(slot: -1, program: WorkerProgram.own, isDraining: false)
        let worker = try site.worker(identity: identity)
        _ = await site.workforce.apply(site.generation, services: [], down: [])
        #expect(await site.workforce.everybody.isEmpty)
        #expect(await Array(site.workforce.unreached.keys) == [worker.path])
    }

    @Test func `the kernel says which process a worker is`() throws {
        let site = try AdoptionSite()
        let worker = try site.worker()
        #expect(try WorkerLink(path: worker.path, slot: 0).peer.process == getpid())
    }

    @Test func `a worker whose listeners have no end is not adopted`() throws {
        let site = try AdoptionSite()
        let key = site.key
        let socket = try AdoptionSite.socket(key.vip)
        let worker = try site.worker { request in
            guard case .listener = request else { return nil }
            return .init(word: .listener(key), passing: socket)
        }
        let link = try WorkerLink(path: worker.path, slot: 0)
        #expect(throws: WorkerFailure.self) { _ = try link.listeners() }
    }

    @Test func `a worker that is to leave hears of drains, whatever sockets serve`() async throws {
        let site = try AdoptionSite()
        let identity = WorkerIdentity(slot: 0, program: "another", isDraining: true)
        let worker = try site.worker(identity: identity) { request in
            guard request == .report else { return nil }
            let figures = WorkerFigures(services: [.init(id: 3, active: 1)])
            return .init(word: .figures, passing: OwnedDescriptor(try WorkerWire.file(figures, name: "sluice-fake")))
        }
        for _ in 0..<2 { _ = await site.workforce.apply(site.generation, services: [], down: [BackendID(rawValue: 9)]) }
        #expect(try worker.services == [["web"], ["web"]])
        #expect(worker.orders.withLock { $0.last?.down } == [9])
    }

    @Test func `a worker of another program leaves once its successor listens`() async throws {
        let site = try AdoptionSite()
        let ours = try site.worker(holding: [site.key])
        let other = try site.worker(
            holding: [site.key], identity: WorkerIdentity(slot: 0, program: "another", isDraining: false))
        _ = await site.workforce.apply(site.generation, services: site.generation.services, down: [])
        #expect(other.told.withLock { $0.last } == .drain)
        #expect(!ours.told.withLock { $0 }.contains(.drain))
        #expect(await site.workforce.leaving.count == 1)
    }

    @Test func `a worker that does not hear that it is to leave lives, and is told again`() async throws {
        let site = try AdoptionSite()
        _ = try site.worker(holding: [site.key])
        let other = try site.worker(
            holding: [site.key], identity: WorkerIdentity(slot: 0, program: "another", isDraining: false)
        ) { $0 == .drain ? .init(word: nil) : nil }
        _ = await site.workforce.apply(site.generation, services: site.generation.services, down: [])
        // This very process would have been killed.
        #expect(await Array(site.workforce.unreached.keys) == [other.path])
        #expect(access(other.path, F_OK) == 0)
    }

    @Test func `a worker that answers late leaves only when another has its socket`() async throws {
        let site = try AdoptionSite()
        let isLate = Mutex(true)
        let identity = WorkerIdentity(slot: 0, program: "another", isDraining: false)
        let late = try site.worker(holding: [site.key], identity: identity) {
            $0 == .hello && isLate.withLock { $0 } ? .init(word: .done) : nil
        }
        let ours = try site.worker(slot: 0)
        _ = await site.workforce.apply(site.generation, services: site.generation.services, down: [])
        let handed = ours.told.withLock { $0.filter { $0 == .listen(site.key) }.count }
        isLate.withLock { $0 = false }
        await site.workforce.askAgainNow()
        #expect(late.told.withLock { $0.last } == .drain)
        #expect(ours.told.withLock { $0.filter { $0 == .listen(site.key) }.count } == handed + 1)
    }

    @Test func `a worker whose successor refuses its socket stays`() async throws {
        let site = try AdoptionSite()
        _ = try site.worker {
            guard case .listen = $0 else { return nil }
            return .init(word: .failed("it has no certificates"))
        }
        let other = try site.worker(
            holding: [site.key], identity: .init(slot: 0, program: "another", isDraining: false))
        _ = await site.workforce.apply(site.generation, services: site.generation.services, down: [])
        await site.workforce.look()
        #expect(!other.told.withLock { $0 }.contains(.drain))
    }

    @Test func `a worker that answers late into a free place gets the order in force`() async throws {
        let site = try AdoptionSite()
        let late = try site.worker(holding: [site.key]) { _ in nil }
        await site.workforce.meetLate(late.path, site.generation)
        #expect(try late.services == [["web"]])
    }

    @Test func `whoever has said who it is can be ended later, whatever is wrong with its sockets`() async throws {
        let site = try AdoptionSite()
        let key = site.key
        let worker = try site.worker { request in
            guard case .listener = request else { return nil }
            return .init(word: .listener(key), passing: OwnedDescriptor(try .memory("sluice-fake", holding: [])))
        }
        _ = await site.workforce.apply(site.generation, services: [], down: [])
        #expect(await site.workforce.unreached[worker.path]?.peer?.process == getpid())
    }

    @Test func `sockets of more workers than there are now are taken by those that are left`() async throws {
        let site = try AdoptionSite()
        let first = try site.worker(holding: [site.key])
        _ = try site.worker(slot: 1, holding: [site.key])
        _ = await site.workforce.apply(site.generation, services: site.generation.services, down: [])
        #expect(first.told.withLock { $0.filter { $0 == .listen(site.key) }.count } == 1)
        #expect(await site.workforce.listeners.sockets[site.key]?.count == 2)
    }
}

extension Workforce {
    /// As a look does once the time has come.
    func askAgainNow() {
        for path in unreached.keys { unreached[path]?.next = .zero }
        look()
    }

    /// A worker is met while an order is in force and its place is free.
    fileprivate func meetLate(_ path: String, _ generation: Generation) {
        order = WorkerOrder(generation, services: generation.services, down: [], workers: 1, tls: [:])
        unreached[path] = Unreached(next: .zero)
        look()
    }
}

/// A workforce of one worker with a directory of its own, and a generation of one service.
struct AdoptionSite {
    let directory: TemporaryDirectory
    let workforce: Workforce
    let generation: Generation
    /// Of the service's listener.
    let key: ListenerKey

    init(workers: Int = 1, port: UInt16 = 80) throws {
        let directory = try TemporaryDirectory()
        self.directory = directory
        let vip = VIP(address: IPAddress(v4: 0x0a09_0909), port: port, transport: .tcp)
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
            spawn: WorkerSpawn(directory: directory.path, user: getuid(), group: getgid(), workers: workers),
            listeners: ListenerSockets(
                workers: workers,
                settings: .init(sources: directory.path, cache: directory.path, pins: directory.path), logger: logger),
            logger: logger)
    }

    func worker(
        slot: Int = 0, holding keys: [ListenerKey] = [], identity: WorkerIdentity? = nil,
        answering answer: (@Sendable (WorkerRequest) throws -> FakeWorker.Answer?)? = nil
    ) throws -> FakeWorker {
        let sockets = try keys.map { ($0, try Self.socket($0.vip)) }
        return try FakeWorker(
            in: directory.path, slot: slot, holding: sockets, identity: identity, answering: answer)
    }

    /// As the daemon opens it.
    static func socket(_ vip: VIP) throws -> OwnedDescriptor {
        OwnedDescriptor(
            try Descriptor.listener(
                on: SocketAddress(high: vip.address.high, low: vip.address.low, port: vip.port), reusePort: true,
                freely: true))
    }
}
