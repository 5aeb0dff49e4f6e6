// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import Model
import TestSupport
import Testing

@testable import Relay

/// A UDP socket as a plain program has it: it waits in its calls, five seconds at most.
private final class PlainDatagrams {
    let descriptor: Int32
    let port: UInt16
    /// Who sent what was read last.
    private var sender = sockaddr_in()

    /// - Parameter address: connected to it, or bound to a free port of loopback.
    init(to address: SocketAddress? = nil) throws {
        let socket = try Descriptor.datagram(for: .loopback(port: 0))
        if let address { _ = socket.begin(connectTo: address) } else { try socket.bind(to: .loopback(port: 0)) }
        port = try socket.localAddress().port
        descriptor = socket.release()
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK)
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    func write(_ text: String) {
        var text = text
        _ = text.withUTF8 { send(descriptor, $0.baseAddress, $0.count, 0) }
    }

    /// Nil where nothing came in time, or the socket was told of an error.
    func read() -> String? {
        var bytes = [UInt8](repeating: 0, count: 65536)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let count = withUnsafeMutablePointer(to: &sender) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                recvfrom(descriptor, &bytes, bytes.count, 0, $0, &length)
            }
        }
        return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// To the sender of what was read last.
    func answer(_ text: String) {
        let bytes = Array(text.utf8)
        _ = withUnsafePointer(to: sender) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, bytes, bytes.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    var senderPort: UInt16 { UInt16(bigEndian: sender.sin_port) }
}

@Suite struct UDPRelayTests {
    /// One UDP service on loopback with a worker of its own.
    private struct UDPFixture {
        let loop: EventLoop
        let worker: RelayWorker
        let vip: VIP
        let backends: [PlainDatagrams]
        var address: SocketAddress { .loopback(port: vip.port) }

        init(backends count: Int, limits: RelayLimits, udpIdle: Duration, draining: Set<Int>) async throws {
            let listener = try Descriptor.datagramListener(on: .loopback(port: 0))
            vip = VIP(address: IPAddress(v4: 0x7f00_0001), port: try listener.localAddress().port, transport: .udp)
            backends = try (0..<count).map { _ in try PlainDatagrams() }
            loop = try EventLoop.start(name: "relay")
            worker = RelayWorker(loop: loop, limits: limits)
            await worker.apply(table(draining: draining, udpIdle: udpIdle))
            try await worker.listen(on: listener, for: vip)
        }

        func table(draining: Set<Int> = [], udpIdle: Duration = .seconds(60)) -> RelayTable {
            Fixture.table(
                Fixture.service(vip, ports: backends.map(\.port), draining: draining) { $0.udpIdle = udpIdle })
        }

        func counters() async -> (tally: RelayTally, ended: [RelayReason: UInt64]) {
            let counters = await worker.counters
            return (counters.services[Fixture.serviceID] ?? RelayTally(), counters.ended[Fixture.serviceID] ?? [:])
        }
    }

    private func withRelay(
        backends: Int = 1, flows: Int = 64, udpIdle: Duration = .seconds(60), draining: Set<Int> = [],
        _ body: (UDPFixture) async throws -> Void
    ) async throws {
        let fixture = try await UDPFixture(
            backends: backends, limits: RelayLimits(connections: 16, flows: flows), udpIdle: udpIdle,
            draining: draining)
        let result: Result<Void, any Error>
        do { result = .success(try await body(fixture)) } catch { result = .failure(error) }
        await fixture.worker.stop()
        fixture.loop.stop()
        try result.get()
    }

    /// The client is connected to the VIP: it takes an answer from there and from nowhere else.
    @Test func `each client has its own answers, from the address that it asked`() async throws {
        try await withRelay { fixture in
            let clients = try (0..<20).map { _ in try PlainDatagrams(to: fixture.address) }
            var ports: Set<UInt16> = []
            for round in 0..<3 {
                for (number, client) in clients.enumerated() {
                    client.write("\(number)/\(round)")
                    try #require(fixture.backends[0].read() == "\(number)/\(round)")
                    ports.insert(fixture.backends[0].senderPort)
                    fixture.backends[0].answer("to \(number)/\(round)")
                    #expect(client.read() == "to \(number)/\(round)")
                }
            }
            #expect(ports.count == 20)
            let tally = await fixture.counters().tally
            #expect(tally.datagramsIn == 60 && tally.datagramsOut == 60 && tally.active == 20)
        }
    }

    @Test func `datagrams of any size pass whole, empty ones too`() async throws {
        try await withRelay { fixture in
            let client = try PlainDatagrams(to: fixture.address)
            for size in [0, 1, 1472, 9000, 65507] {
                let text = String(repeating: "x", count: size)
                client.write(text)
                #expect(fixture.backends[0].read() == text)
                fixture.backends[0].answer(text)
                #expect(client.read() == text)
            }
        }
    }

    @Test func `a flow that nobody uses is over, and the next datagram begins another`() async throws {
        try await withRelay(udpIdle: .milliseconds(200)) { fixture in
            let client = try PlainDatagrams(to: fixture.address)
            client.write("one")
            #expect(fixture.backends[0].read() == "one")
            try await awaited("the flow's end") { await fixture.worker.flows == 0 }
            #expect(await fixture.counters().ended[.flowOver] == 1)
            client.write("two")
            #expect(fixture.backends[0].read() == "two")
            #expect(await fixture.counters().tally.connections == 2)
        }
    }

    @Test func `beyond the limit of flows datagrams are dropped and counted, and flows that are go on`() async throws {
        try await withRelay(flows: 2) { fixture in
            let clients = try (0..<3).map { _ in try PlainDatagrams(to: fixture.address) }
            for client in clients { client.write("a") }
            try await awaited("the drop") { await fixture.counters().tally.datagramsDropped == 1 }
            #expect(await fixture.counters().ended[.exhausted] == 1)
            #expect(fixture.backends[0].read() == "a" && fixture.backends[0].read() == "a")
            clients[0].write("b")
            #expect(fixture.backends[0].read() == "b")
        }
    }

    @Test func `after a swap new flows go to the new backend, and old ones keep theirs`() async throws {
        try await withRelay(backends: 2, draining: [1]) { fixture in
            let (old, new) = (try PlainDatagrams(to: fixture.address), try PlainDatagrams(to: fixture.address))
            old.write("first")
            #expect(fixture.backends[0].read() == "first")
            await fixture.worker.apply(fixture.table(draining: [0]))
            old.write("old")
            new.write("new")
            #expect(fixture.backends[0].read() == "old")
            #expect(fixture.backends[1].read() == "new")
        }
    }

    @Test func `a draining worker keeps its flows and begins none`() async throws {
        try await withRelay { fixture in
            let (old, new) = (try PlainDatagrams(to: fixture.address), try PlainDatagrams(to: fixture.address))
            old.write("first")
            #expect(fixture.backends[0].read() == "first")
            await fixture.worker.drain()
            new.write("new")
            try await awaited("the drop") { await fixture.counters().tally.datagramsDropped == 1 }
            old.write("old")
            #expect(fixture.backends[0].read() == "old")
        }
    }

    @Test func `a backend that is not there does not end the flow`() async throws {
        try await withRelay { fixture in
            let port = try PlainListener.closedPort()
            let service = Fixture.service(fixture.vip, ports: [port])
            await fixture.worker.apply(Fixture.table(service))
            let client = try PlainDatagrams(to: fixture.address)
            client.write("x")
            try await awaited("the refusal") {
                await fixture.worker.counters.backends[BackendID(rawValue: 1)]?.connectFailures ?? 0 > 0
            }
            #expect(await fixture.worker.flows == 1)
        }
    }
}

struct TableTests {
    @Test func `an index of flows and a dictionary agree over random steps`() {
        var random = SplitMix(seed: 5)
        var index = UDPFlowIndex(flows: 64, secret: 9)
        let keys = (0..<64).map {
            UDPFlow.Key(client: SocketAddress(v4: UInt32($0 / 4), port: UInt16($0 % 4)), listener: $0 % 2)
        }
        var present: Set<Int> = []
        for _ in 0..<20_000 {
            let flow = Int.random(in: 0..<64, using: &random)
            let hash = index.hash(keys[flow])
            let found = index.find(hash) { keys[$0] == keys[flow] }
            #expect(found == (present.contains(flow) ? flow : nil))
            if present.remove(flow) != nil {
                index.remove(hash, flow)
            } else {
                index.insert(hash, flow)
                present.insert(flow)
            }
        }
    }

    @Test func `counts of sources and a dictionary agree over random steps`() {
        var random = SplitMix(seed: 6)
        var counts = SourceCounts(connections: 64, secret: 3)
        let clients =
            (0..<20).map { SocketAddress(v4: 0x0a00_0000 + UInt32($0), port: 1) }
            + (0..<20).map { SocketAddress(high: 0x2001_0db8_0000_0000 + UInt64($0), low: 7, port: 1) }
        let services = [ServiceID(rawValue: 1), ServiceID(rawValue: 2)]
        var open: [Int] = []
        var plain = [Int](repeating: 0, count: clients.count)
        for _ in 0..<20_000 {
            if open.count == 64 || !open.isEmpty && Bool.random(using: &random) {
                let client = open.remove(at: Int.random(in: 0..<open.count, using: &random))
                counts.remove(clients[client], services[client % 2])
                plain[client] -= 1
            } else {
                let client = Int.random(in: 0..<clients.count, using: &random)
                counts.add(clients[client], services[client % 2])
                plain[client] += 1
                open.append(client)
            }
            let client = Int.random(in: 0..<clients.count, using: &random)
            let count = counts.count(clients[client], services[client % 2])
            #expect(count == plain[client])
        }
    }

    @Test func `an IPv6 client is its 64 network's, an IPv4 client its own`() {
        let one = ServiceID(rawValue: 1)
        var counts = SourceCounts(connections: 4, secret: 3)
        counts.add(SocketAddress(high: 0x2001_0db8_0000_0000, low: 1, port: 5), one)
        counts.add(SocketAddress(v4: 0x0a00_0001, port: 5), one)
        let same = counts.count(SocketAddress(high: 0x2001_0db8_0000_0000, low: 2, port: 6), one)
        let other = counts.count(SocketAddress(v4: 0x0a00_0002, port: 5), one)
        #expect(same == 1 && other == 0)
    }

    @Test func `a client's connections with one service are not another's`() {
        let client = SocketAddress(v4: 0x0a00_0001, port: 5)
        var counts = SourceCounts(connections: 4, secret: 3)
        for _ in 0..<3 { counts.add(client, ServiceID(rawValue: 1)) }
        let (one, other) = (
            counts.count(client, ServiceID(rawValue: 1)), counts.count(client, ServiceID(rawValue: 2))
        )
        #expect(one == 3 && other == 0)
    }
}

struct RelayTableTests {
    private let vip = VIP(address: IPAddress(v4: 0x0a00_0001), port: 80, transport: .tcp)

    @Test func `attempts meet each backend once, in one order`() throws {
        let placed = Fixture.service(vip, ports: [1, 2, 3, 4, 5])
        let table = Fixture.table(placed, policy: RelayPolicy(attempts: 9))
        let service = try #require(table.services[vip])
        for port in 1...200 as ClosedRange<UInt16> {
            let flow = service.flow(from: SocketAddress(v4: 0xc000_0201, port: port))
            let met = (0..<9).map { service.backend(of: flow, attempt: $0) }
            #expect(Set(met.prefix(5)) == [0, 1, 2, 3, 4] && met.dropFirst(5).allSatisfy { $0 == nil })
        }
    }

    @Test func `what is down or draining takes nothing new`() throws {
        let placed = Fixture.service(vip, ports: [1, 2, 3, 4], draining: [0])
        let generation = Generation(epoch: 1, number: 1, seed: 7, services: [placed])
        let table = RelayTable(generation, down: [BackendID(rawValue: 2)])
        let service = try #require(table.services[vip])
        let chosen = Set(
            (1...500 as ClosedRange<UInt16>).map {
                service.backend(of: service.flow(from: SocketAddress(v4: 0xc000_0201, port: $0)))
            })
        #expect(chosen == [2, 3])
        #expect(table.keeps(BackendID(rawValue: 1)) && !table.keeps(BackendID(rawValue: 9)))
    }

    @Test func `under a tunnel the backend is dialled by the VIP's port, under sockets by its own`() throws {
        let sockets = try #require(Fixture.table(Fixture.service(vip, ports: [8080])).services[vip])
        let tunnel = try #require(
            Fixture.table(Fixture.service(vip, ports: [8080]) { $0.forwarding = .ipip }).services[vip])
        #expect(sockets.backends[0].address.port == 8080 && tunnel.backends[0].address.port == 80)
    }
}
