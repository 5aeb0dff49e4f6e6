// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import HTTP
import Model
import Synchronization
import TestSupport
import Testing

@testable import sluiced

/// What workers have counted is told once, however they are lost and found.
struct WorkerCountTests {
    /// Answers `report` with so many connections.
    private static func reporting(
        _ accepted: UInt64, also answer: @escaping @Sendable (WorkerRequest) -> FakeWorker.Answer? = { _ in nil }
    ) -> @Sendable (WorkerRequest) throws -> FakeWorker.Answer? {
        { request in
            if let answer = answer(request) { return answer }
            guard request == .report else { return nil }
            return try figures(.figures, accepted)
        }
    }

    private static func figures(_ word: WorkerAnswer, _ accepted: UInt64) throws -> FakeWorker.Answer {
        let figures = WorkerFigures(services: [.init(id: 3, accepted: accepted)])
        return .init(word: word, passing: OwnedDescriptor(try WorkerWire.file(figures, name: "sluice-fake")))
    }

    private static let other = WorkerIdentity(slot: 0, program: "another", isDraining: false)

    @Test func `a worker that does not answer any more keeps what it had counted`() async throws {
        let site = try AdoptionSite()
        let isMute = Mutex(false)
        let worker = try site.worker(
            identity: Self.other, answering: Self.reporting(7) { _ in isMute.withLock { $0 } ? .init(word: nil) : nil })
        _ = await site.workforce.apply(site.generation, services: [], down: [])
        #expect(await site.workforce.accepted == 7)
        isMute.withLock { $0 = true }
        #expect(await site.workforce.accepted == 7)
        #expect(await Array(site.workforce.unreached.keys) == [worker.path])
    }

    @Test func `a worker that is found again is counted once`() async throws {
        let site = try AdoptionSite()
        let isMute = Mutex(false)
        _ = try site.worker(
            identity: Self.other, answering: Self.reporting(7) { _ in isMute.withLock { $0 } ? .init(word: nil) : nil })
        _ = await site.workforce.apply(site.generation, services: [], down: [])
        isMute.withLock { $0 = true }
        _ = await site.workforce.count()
        isMute.withLock { $0 = false }
        await site.workforce.askAgainNow()
        #expect(await site.workforce.everybody.count == 1)
        #expect(await site.workforce.accepted == 7)
    }

    @Test func `a worker that hung up and lives is counted once`() async throws {
        let site = try AdoptionSite()
        let worker = try site.worker(identity: Self.other, answering: Self.reporting(7))
        _ = await site.workforce.apply(site.generation, services: [], down: [])
        #expect(await site.workforce.accepted == 7)
        worker.hangUp()
        try await awaited("the end of the connection") { await site.workforce.unreached.count == 1 }
        #expect(await site.workforce.accepted == 7)
        await site.workforce.askAgainNow()
        #expect(await site.workforce.everybody.count == 1)
        #expect(await site.workforce.accepted == 7)
    }

    @Test func `what a worker says as it ends is kept`() async throws {
        let site = try AdoptionSite()
        let worker = try site.worker(identity: Self.other, answering: Self.reporting(7))
        _ = await site.workforce.apply(site.generation, services: [], down: [])
        #expect(await site.workforce.accepted == 7)
        try worker.end(saying: Self.figures(.parting, 9))
        try await awaited("the end of the connection") { await site.workforce.unreached.count == 1 }
        await site.workforce.askAgainNow()
        #expect(await site.workforce.unreached.isEmpty)
        #expect(await site.workforce.accepted == 9)
    }

    @Test(.requires("root")) func `a drained worker says what it has counted before it ends`() async throws {
        let link = try LocalWorker().link
        try link.tell(.drain)
        link.counted = WorkerFigures(services: [.init(id: 3, accepted: 1)])
        link.hearParting()
        // It has counted nothing, and says so.
        #expect(link.counted == WorkerFigures())
    }

    @Test func `a listener that is gone keeps what it had counted`() async throws {
        let site = try HTTPSite()
        let port = try await site.listen()
        let client = try Descriptor.stream(for: .loopback(port: port))
        _ = try client.connect(to: .loopback(port: port))
        try await awaited("a connection") { await site.accepted == 1 }
        await site.stopListening()
        #expect(await site.accepted == 1)
        _ = consume client
        try await awaited("its end") { try await site.isForgotten }
        #expect(await site.accepted == 1)
    }
}

extension Workforce {
    fileprivate var accepted: UInt64? { count().services.first?.accepted }
}

/// A worker's HTTP listener on a loop of its own.
private actor HTTPSite {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private let handler: HTTPHandler
    private let key = ListenerKey(.http, VIP(address: IPAddress(v4: 0x7f00_0001), port: 80, transport: .tcp))

    init() throws {
        loop = try EventLoop.start(name: "http-site")
        handler = HTTPHandler(loop: loop, limits: ProxyLimits())
    }

    func listen() throws -> UInt16 {
        let socket = try Descriptor.listener(on: .loopback(port: 0))
        let port = try socket.localAddress().port
        try handler.listen(on: socket, for: key)
        return port
    }

    func stopListening() { handler.stopListening(on: key) }

    var accepted: UInt64? { handler.figures.first { $0.key == key }?.accepted }

    /// Once nothing is under way, an order lets go of it.
    var isForgotten: Bool {
        get throws {
            try handler.prepare(
                WorkerOrder(Generation(epoch: 1, number: 1, seed: 7), services: [], down: [], workers: 1, tls: [:]))()
            return handler.figures.first { $0.key == key }?.active == 0
        }
    }
}
