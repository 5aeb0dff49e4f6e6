// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Model
import Relay

/// One kind of listener in a worker. All is called on the thread of the worker's loop.
protocol ListenerHandler: AnyObject {
    /// Takes what comes by this socket from now on.
    func listen(on socket: consuming Descriptor, for key: ListenerKey) throws

    /// Closes the sockets of this key; connections go on.
    func stopListening(on key: ListenerKey)

    /// Makes an order ready. What is answered puts it in force, and cannot fail: all kinds of listeners go from one order
    /// to the next together, or stay with the one they have.
    func prepare(_ order: WorkerOrder) throws -> () -> Void

    /// Takes nothing new, as another process has the same sockets; what is under way goes on.
    func drain()

    /// Nothing is under way.
    var isIdle: Bool { get }
}

/// Plain connections and datagrams.
final class RelayHandler: ListenerHandler {
    let worker: RelayWorker
    private var table = RelayTable.empty
    private var isSharing = false

    init(loop: EventLoop, limits: RelayLimits) { worker = RelayWorker(loop: loop, limits: limits) }

    func listen(on socket: consuming Descriptor, for key: ListenerKey) throws {
        // A closure cannot take over what has one owner; its number it can.
        let number = socket.release()
        try worker.assumeIsolated { try $0.listen(on: Descriptor(adopting: number), for: key.vip) }
    }

    /// Its connections count with the other workers'.
    func share(_ file: consuming Descriptor, as place: Int) throws {
        guard (0..<SharedActivity.workersMax).contains(place) else { throw UnknownPlace(place: place) }
        let counts = try SharedActivity.take(file)
        worker.assumeIsolated { $0.share(counts, as: place) }
        isSharing = true
    }

    func stopListening(on key: ListenerKey) { worker.assumeIsolated { $0.stopListening(on: key.vip) } }

    func prepare(_ order: WorkerOrder) throws -> () -> Void {
        let down = Set(order.down.map(BackendID.init(rawValue:)))
        let fresh = RelayTable(try order.relayed(), down: down, old: table) {
            RelayPolicy($0.service.relay, workers: isSharing ? 1 : order.workers)
        }
        return { [self] in
            table = fresh
            worker.assumeIsolated { $0.apply(fresh) }
        }
    }

    func drain() { worker.assumeIsolated { $0.drain(handingOver: true) } }

    var isIdle: Bool { worker.assumeIsolated { $0.connections == 0 && $0.flows == 0 } }
}

/// There is no such place among the workers' counts.
struct UnknownPlace: Error, CustomStringConvertible {
    let place: Int
    var description: String { "no place \(place) among the workers' counts" }
}

extension RelayPolicy {
    /// What a service allows on its host; one worker's part of it where each counts alone. What it allows a source is whole: the kernel brings all of
    /// a source's connections to one worker then.
    init(_ settings: RelaySettings, workers: Int) {
        func part(_ limit: Int?) -> Int { limit.map { max(1, ($0 + workers - 1) / max(workers, 1)) } ?? .max }
        self.init(
            connectTimeout: settings.connectTimeout, idleTimeout: settings.idleTimeout,
            connections: part(settings.maxConnections), connectionsPerSource: settings.maxConnectionsPerSource ?? .max)
        switch settings.proxyProtocol {
        case .none: proxyProtocol = .none
        case .v1: proxyProtocol = .v1
        case .v2: proxyProtocol = .v2
        }
    }
}

extension WorkerFigures {
    init(_ counters: RelayCounters) {
        for (id, tally) in counters.services where id.rawValue != 0 {
            var ended: [String: UInt64] = [:]
            for (reason, count) in counters.ended[id] ?? [:] { ended["\(reason)"] = count }
            services.append(
                Service(
                    id: id.rawValue, accepted: tally.connections, active: tally.active, bytesIn: tally.bytesIn,
                    bytesOut: tally.bytesOut, connectFailures: tally.connectFailures, datagramsIn: tally.datagramsIn,
                    datagramsOut: tally.datagramsOut, datagramsDropped: tally.datagramsDropped, ended: ended))
        }
    }
}

extension WorkerConnection {
    init(_ connection: RelayConnection) {
        self.init(
            transport: connection.vip.transport == .tcp ? "tcp" : "udp", client: "\(connection.client)",
            vip: "\(connection.vip)", service: connection.service, backend: connection.backend,
            backendAddress: "\(connection.backendAddress)", isConnected: connection.isConnected,
            bytesIn: connection.bytesIn, bytesOut: connection.bytesOut)
    }
}
