// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import HTTP
import Model
import Relay

/// A worker: one loop with its handlers, and the daemon's requests. It goes on without the daemon, and ends when it is
/// told to, or, drained, when nothing is under way any more.
final class WorkerProcess: @unchecked Sendable {
    // Unchecked: after `init` the loop's thread alone touches it.

    private struct Listener {
        let key: ListenerKey
        let socket: OwnedDescriptor
    }

    private let slot: Int
    private let loop: EventLoop
    private let control: Descriptor
    private let relay: RelayHandler
    private let http: HTTPHandler
    private let sniff: SniffHandler
    private let handlers: [ListenerKey.Kind: any ListenerHandler]
    private var listeners: [Listener] = []
    private var connections: [ObjectIdentifier: ControlConnection] = [:]
    private var isDraining = false
    private var timer: TimerID?
    private var listening: Registration?
    private var pause: TimerID?

    private static let lookInterval = Duration.milliseconds(100)
    private static let patience = Duration.seconds(2)

    /// - Parameter memory: of the host, that its buffers may take, bytes.
    init(slot: Int, loop: EventLoop, control: consuming Descriptor, descriptors: Int, memory: Int) {
        self.slot = slot
        self.loop = loop
        self.control = control
        relay = RelayHandler(loop: loop, limits: RelayLimits(descriptors: descriptors, memory: memory))
        http = HTTPHandler(loop: loop, limits: ProxyLimits(descriptors: descriptors))
        sniff = SniffHandler(loop: loop, relay: relay, http: http)
        handlers = [.relay: relay, .http: http, .sniff: sniff]
    }

    func start() {
        hear()
        pause = loop.timer { [unowned self] in hear() }
        timer = loop.timer { [unowned self] in look() }
    }

    private func end() { loop.stop() }

    private func hear() {
        do {
            listening = try loop.register(control, for: .readable) { [unowned self] _ in accept() }
        } catch {
            // Nobody could tell it anything.
            end()
        }
    }

    // MARK: The daemon's connections

    private func accept() {
        do {
            guard let socket = try control.acceptWaiting() else { return }
            let link = PacketSocket(adopting: socket)
            try link.setPatience(Self.patience)
            // Root's alone: who may connect could take the sockets.
            guard try link.peer() == 0 else { return }
            let connection = ControlConnection(link)
            connection.registration = try loop.register(connection.link.descriptor, for: .readable) {
                [unowned self] _ in
                serve(connection)
            }
            connections[ObjectIdentifier(connection)] = connection
        } catch {
            // No descriptor is left, for one: the daemon waits in the queue, and nobody spins over it.
            if let listening { loop.deregister(listening) }
            listening = nil
            if let pause { loop.arm(pause, after: Self.lookInterval) }
        }
    }

    private func serve(_ connection: ControlConnection) {
        do {
            guard let packet = try connection.link.receive() else { return close(connection) }
            let request = try WorkerWire.value(packet.bytes, as: WorkerRequest.self)
            try answer(request, packet, connection)
        } catch {
            do {
                try connection.link.send(WorkerWire.bytes(WorkerAnswer.failed("\(error)")))
            } catch {
                close(connection)
            }
        }
    }

    private func close(_ connection: ControlConnection) {
        if let registration = connection.registration { loop.deregister(registration) }
        connection.registration = nil
        connections[ObjectIdentifier(connection)] = nil
    }

    // MARK: Requests

    private func answer(
        _ request: WorkerRequest, _ packet: borrowing Packet, _ connection: ControlConnection
    ) throws {
        switch request {
        case .hello:
            let identity = WorkerIdentity(slot: slot, program: WorkerProgram.own, isDraining: isDraining)
            try connection.send(.hello(identity))
        case .apply:
            try apply(try packet.payload(as: WorkerOrder.self))
            try connection.send(.done)
        case .share(let place):
            try relay.share(try packet.duplicate(), as: place)
            try connection.send(.done)
        case .listen(let key):
            try listen(try packet.duplicate(), for: key)
            try connection.send(.done)
        case .stopListening(let key):
            listeners.removeAll { $0.key == key }
            handlers[key.kind]?.stopListening(on: key)
            try connection.send(.done)
        case .log(let key, let listener):
            try log(packet, of: key, listener)
            try connection.send(.done)
        case .listener(let number):
            guard listeners.indices.contains(number) else { return try connection.send(.nothing) }
            let listener = listeners[number]
            try connection.send(.listener(listener.key), passing: listener.socket.descriptor.rawValue)
        case .report:
            try connection.send(.figures, beside: figures)
        case .connections(let most):
            let list = relay.worker.assumeIsolated { $0.connections(most: most) }
            try connection.send(.figures, beside: list.map(WorkerConnection.init))
        case .drain:
            drain()
            try connection.send(.done)
            look()
        case .end:
            try connection.send(.done)
            http.flushLogs()
            end()
        }
    }

    private var figures: WorkerFigures {
        var figures = WorkerFigures(relay.worker.assumeIsolated { $0.counters })
        figures.http = sniff.adding(to: http.figures)
        return figures
    }

    private func apply(_ order: WorkerOrder) throws {
        let handlers: [any ListenerHandler] = [relay, http, sniff]
        let changes = try handlers.map { try $0.prepare(order) }
        for change in changes { change() }
    }

    private func listen(_ socket: consuming Descriptor, for key: ListenerKey) throws {
        guard let handler = handlers[key.kind] else { throw UnknownListener(key: key) }
        let kept = OwnedDescriptor(try socket.duplicate())
        try handler.listen(on: socket, for: key)
        listeners.append(Listener(key: key, socket: kept))
    }

    private func log(_ packet: borrowing Packet, of key: ListenerKey, _ listener: String) throws {
        switch packet.descriptor {
        case .some(let file): try http.log(to: try file.duplicate(), of: key, listener)
        case .none: try http.endLog(of: key)
        }
    }

    private func drain() {
        guard !isDraining else { return }
        isDraining = true
        listeners = []
        for handler in handlers.values { handler.drain() }
    }

    /// A drained worker ends when nothing is under way.
    private func look() {
        if handlers.values.allSatisfy(\.isIdle) {
            part()
            return end()
        }
        if let timer { loop.arm(timer, after: Self.lookInterval) }
    }

    /// Nobody can ask it any more.
    private func part() {
        let figures = figures
        for connection in connections.values {
            do {
                try connection.send(.parting, beside: figures)
            } catch {
                // Whoever does not listen has what it said last.
            }
        }
    }
}

/// This worker has no handler for such a listener.
struct UnknownListener: Error, CustomStringConvertible {
    let key: ListenerKey
    var description: String { "no \(key.kind.rawValue) listeners here" }
}

/// One of the daemon's connections to a worker.
private final class ControlConnection {
    let link: PacketSocket
    var registration: Registration?

    init(_ link: consuming PacketSocket) { self.link = link }

    func send(_ answer: WorkerAnswer, passing passed: Int32 = -1) throws {
        try link.send(WorkerWire.bytes(answer), passing: passed)
    }

    func send(_ answer: WorkerAnswer, beside payload: some Encodable) throws {
        let file = try WorkerWire.file(payload, name: "sluice-figures")
        try send(answer, passing: file.rawValue)
    }
}

extension Packet {
    /// What lies beside its bytes.
    func payload<Value: Decodable>(as type: Value.Type, most: Int = WorkerWire.orderMax) throws -> Value {
        switch descriptor {
        case .some(let file): return try WorkerWire.value(try file.contents(most: most), as: type)
        case .none: throw MissingDescriptor()
        }
    }

    /// The descriptor that came with it, once more.
    func duplicate() throws -> Descriptor {
        switch descriptor {
        case .some(let descriptor): return try descriptor.duplicate()
        case .none: throw MissingDescriptor()
        }
    }
}

struct MissingDescriptor: Error, CustomStringConvertible {
    var description: String { "a packet came without its descriptor" }
}

/// A descriptor in a place that holds no value of one owner.
final class OwnedDescriptor: Sendable {
    let descriptor: Descriptor

    init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
}

extension RelayLimits {
    /// What fits so many descriptors (a connection has two, a flow one, a pipe two) and so many bytes of memory: two
    /// buffers a connection, or readers that stand still could take what others need.
    init(descriptors: Int, memory: Int) {
        let most = max(64, min(65_536, (descriptors - 2048) / 3))
        let plain = RelayLimits()
        let connections = max(64, min(most, memory / (2 * plain.bufferBytes)))
        self.init(connections: connections, flows: most, buffers: connections * 2)
    }
}
