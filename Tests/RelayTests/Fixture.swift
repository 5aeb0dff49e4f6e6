// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import Model
import TestSupport

@testable import Relay

/// One service on loopback with a worker of its own.
struct Fixture {
    let loop: EventLoop
    let worker: RelayWorker
    let vip: VIP
    var address: SocketAddress { .loopback(port: vip.port) }

    /// - Parameters:
    ///   - ports: of the backends, on loopback.
    init(
        ports: [UInt16], limits: RelayLimits = RelayLimits(connections: 1024, pipes: 64),
        policy: RelayPolicy = RelayPolicy()
    ) async throws {
        let listener = try Descriptor.listener(on: .loopback(port: 0), backlog: 1024)
        vip = VIP(address: IPAddress(v4: 0x7f00_0001), port: try listener.localAddress().port, transport: .tcp)
        loop = try EventLoop.start(name: "relay")
        worker = RelayWorker(loop: loop, limits: limits)
        await worker.apply(Self.table(Self.service(vip, ports: ports), policy: policy))
        try await worker.listen(on: listener, for: vip)
    }

    func end() async {
        await worker.stop()
        loop.stop()
    }

    static let serviceID = ServiceID(rawValue: 1)

    /// Backends `b0`, `b1`... with ids from 1.
    static func service(
        _ vip: VIP, ports: [UInt16], draining: Set<Int> = [], adjust: (inout VirtualService) -> Void = { _ in }
    ) -> PlacedService {
        var service = VirtualService(name: "web", vip: vip, forwarding: .sockets, tableSize: .small)
        adjust(&service)
        let backends = ports.enumerated().map { index, port in
            PlacedBackend(
                id: BackendID(rawValue: UInt16(index + 1)),
                backend: Backend(name: "b\(index)", address: IPAddress(v4: 0x7f00_0001), port: port),
                state: draining.contains(index) ? .draining : .active)
        }
        var placed = PlacedService(id: serviceID, table: 0, service: service, backends: backends)
        placed.settled = placed.members
        return placed
    }

    static func table(_ services: PlacedService..., policy: RelayPolicy = RelayPolicy()) -> RelayTable {
        RelayTable(Generation(epoch: 1, number: 1, seed: 7, services: services), policy: { _ in policy })
    }

    var tally: RelayTally { get async { await worker.counters.services[Self.serviceID] ?? RelayTally() } }

    func ended(_ reason: RelayReason) async -> UInt64 {
        await worker.counters.ended[Self.serviceID]?[reason] ?? 0
    }
}

/// A TCP socket as a plain program has it: it waits in its calls, ten seconds at most.
final class PlainSocket: Sendable {
    let number: Int32

    init(adopting number: Int32) { self.number = number }

    init(connectedTo address: SocketAddress) throws {
        number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let descriptor = Descriptor(adopting: number)
        let answer = descriptor.begin(connectTo: address)
        _ = descriptor.release()
        guard answer == 0 else { throw SystemError("connect to \(address)", cause: "error \(answer)") }
    }

    deinit { close(number) }

    func write(_ text: String) {
        var text = text
        _ = text.withUTF8 { send(number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }

    /// What comes next, "" at the end, nil where the connection was reset or nothing came in time.
    func read() -> String? {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(number, &bytes, bytes.count, 0)
        return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
    }

    func endSending() { shutdown(number, Int32(SHUT_WR)) }

    /// Its close resets the connection.
    func resetOnClose() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(number, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }
}

/// A listening socket of a test's backend.
final class PlainListener: Sendable {
    let number: Int32
    let port: UInt16

    init() throws {
        let descriptor = try Descriptor.listener(on: .loopback(port: 0), backlog: 1024)
        port = try descriptor.localAddress().port
        number = descriptor.release()
        let flags = fcntl(number, F_GETFL)
        _ = fcntl(number, F_SETFL, flags & ~O_NONBLOCK)
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(number) }

    /// The next connection; nil where none came in time.
    func accept() -> PlainSocket? {
        let answer = Glibc.accept(number, nil, nil)
        guard answer >= 0 else { return nil }
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(answer, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        return PlainSocket(adopting: answer)
    }

    /// A port of loopback where nobody listens.
    static func closedPort() throws -> UInt16 { try PlainListener().port }
}
