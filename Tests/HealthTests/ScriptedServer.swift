// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import Synchronization
import TestSupport

/// A TCP server on loopback that does one thing with every connection.
final class ScriptedServer: Sendable {
    enum Behaviour: Sendable {
        /// Accepts, and keeps silent.
        case silent
        case closeAtOnce
        /// Reads the request, then sends this and keeps the connection open.
        case answer(String)
        /// Sends one byte every 20 ms.
        case trickle(String)
    }

    let port: UInt16
    private let behaviour: Mutex<Behaviour>
    private let stopping = Atomic(false)
    private let requests = Mutex<[String]>([])
    private let connections = Atomic(0)
    private let listener: Descriptor

    init(_ behaviour: Behaviour) throws {
        self.behaviour = Mutex(behaviour)
        listener = try Descriptor.listener(on: .loopback(port: 0))
        port = try listener.localAddress().port
        try DetachedThread.run { [self] in serve() }
    }

    var lastRequest: String? { requests.withLock(\.last) }
    var connectionCount: Int { connections.load(ordering: .acquiring) }

    func change(to behaviour: Behaviour) { self.behaviour.withLock { $0 = behaviour } }

    /// The thread ends within 10 ms, and with it what it holds.
    func stop() { stopping.store(true, ordering: .releasing) }

    private func serve() {
        var open: [Int32] = []
        while !stopping.load(ordering: .acquiring) {
            var poll = pollfd(fd: listener.rawValue, events: Int16(POLLIN), revents: 0)
            guard Glibc.poll(&poll, 1, 10) > 0 else { continue }
            let connection = Glibc.accept(listener.rawValue, nil, nil)
            guard connection >= 0 else { continue }
            connections.add(1, ordering: .acquiringAndReleasing)
            open.append(connection)
            play(on: connection)
            // Probes have long gone from the oldest.
            if open.count > 64 { close(open.removeFirst()) }
            if case .closeAtOnce = behaviour.withLock({ $0 }) { close(open.removeLast()) }
        }
        for connection in open { close(connection) }
    }

    private func play(on connection: Int32) {
        switch behaviour.withLock({ $0 }) {
        case .silent, .closeAtOnce: return
        case .answer(let text):
            readRequest(connection)
            text.withCString { _ = send(connection, $0, text.utf8.count, Int32(MSG_NOSIGNAL)) }
        case .trickle(let text):
            readRequest(connection)
            for byte in text.utf8 {
                var byte = byte
                guard send(connection, &byte, 1, Int32(MSG_NOSIGNAL)) == 1 else { return }
                usleep(20_000)
            }
        }
    }

    private func readRequest(_ connection: Int32) {
        var poll = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
        guard Glibc.poll(&poll, 1, 500) > 0 else { return }
        var room = [UInt8](repeating: 0, count: 4096)
        let count = recv(connection, &room, room.count, 0)
        if count > 0 { requests.withLock { $0.append(String(decoding: room.prefix(count), as: UTF8.self)) } }
    }
}

/// A listener whose queue is full, so that it drops further SYNs like a host that is not there.
struct BlackHole: ~Copyable {
    let port: UInt16
    private let listener: Descriptor
    private let first: Descriptor
    private let second: Descriptor

    init() throws {
        let listener = try Descriptor.listener(on: .loopback(port: 0), backlog: 0)
        let address = try listener.localAddress()
        let first = try Self.connecting(to: address)
        let second = try Self.connecting(to: address)
        port = address.port
        self.listener = listener
        self.first = first
        self.second = second
    }

    private static func connecting(to address: SocketAddress) throws -> Descriptor {
        let socket = try Descriptor.stream(for: address)
        _ = try socket.connect(to: address)
        return socket
    }
}
