// SPDX-License-Identifier: Apache-2.0

import Admin
import Model

// What people and metrics ask of the workers.
extension Workforce {
    /// Of all workers that take connections, and of those that finish: what they counted since they began.
    func figures() -> (services: [WorkerFigures.Service], http: [WorkerFigures.HTTPListener]) {
        var sums: [UInt16: WorkerFigures.Service] = [:]
        var http: [ListenerKey: WorkerFigures.HTTPListener] = [:]
        for worker in everybody {
            guard let figures = ask(worker, { try $0.figures(.report, as: WorkerFigures.self) }) else { continue }
            for one in figures.services { sums[one.id, default: .init(id: one.id)].add(one) }
            for one in figures.http { http[one.key, default: .init(key: one.key)].add(one) }
        }
        return (sums.values.sorted { $0.id < $1.id }, http.values.sorted { $0.key < $1.key })
    }

    func listenerRows() -> [ListenersAnswer.Listener] {
        let counted = figures()
        return relayRows(counted.services) + httpRows(counted.http)
    }

    private func httpRows(_ counted: [WorkerFigures.HTTPListener]) -> [ListenersAnswer.Listener] {
        let figures = Dictionary(counted.map { ($0.key, $0) }) { $1 }
        return routing.listeners.map { listener in
            let key = ListenerKey(.http, listener.bind)
            let sum = figures[key] ?? .init(key: key)
            let services = Set(routing.routes(of: listener).flatMap(\.targets).map(\.service)).sorted()
            return .init(
                kind: key.kind.rawValue, bind: "\(key.vip)", service: services.joined(separator: ","),
                workers: takers(of: key), sockets: listeners.sockets[key]?.count ?? 0, active: sum.active,
                accepted: sum.accepted, name: listener.name, requests: sum.requests)
        }
    }

    private func relayRows(_ counted: [WorkerFigures.Service]) -> [ListenersAnswer.Listener] {
        let figures = Dictionary(counted.map { ($0.id, $0) }) { $1 }
        return relayed.map { placed in
            let key = ListenerKey(.relay, placed.service.vip)
            let sum = figures[placed.id.rawValue] ?? .init(id: placed.id.rawValue)
            return .init(
                kind: key.kind.rawValue, bind: "\(key.vip)", service: placed.service.name,
                workers: takers(of: key), sockets: listeners.sockets[key]?.count ?? 0, active: sum.active,
                accepted: sum.accepted, bytesIn: sum.bytesIn, bytesOut: sum.bytesOut,
                connectFailures: sum.connectFailures, datagramsDropped: sum.datagramsDropped, ended: sum.ended)
        }
    }

    func connectionRows(most: Int) -> [ConnectionsAnswer.Connection] {
        var rows: [ConnectionsAnswer.Connection] = []
        for worker in everybody where rows.count < most {
            let left = most - rows.count
            let list = ask(worker) { try $0.figures(.connections(most: left), as: [WorkerConnection].self) } ?? []
            rows += list.map { .init($0, worker: worker.identity.process) }
        }
        return rows
    }

    private func ask<Value>(_ worker: WorkerLink, _ body: (WorkerLink) throws -> Value) -> Value? {
        do {
            return try body(worker)
        } catch is WorkerRefusal {
            return nil
        } catch {
            discard(worker, because: error)
            return nil
        }
    }
}

extension WorkerFigures.HTTPListener {
    fileprivate mutating func add(_ other: Self) {
        accepted += other.accepted
        active += other.active
        requests += other.requests
    }
}

extension WorkerFigures.Service {
    fileprivate mutating func add(_ other: Self) {
        accepted += other.accepted
        active += other.active
        bytesIn += other.bytesIn
        bytesOut += other.bytesOut
        connectFailures += other.connectFailures
        datagramsIn += other.datagramsIn
        datagramsOut += other.datagramsOut
        datagramsDropped += other.datagramsDropped
        ended.merge(other.ended, uniquingKeysWith: +)
    }
}

extension ConnectionsAnswer.Connection {
    fileprivate init(_ connection: WorkerConnection, worker: Int32) {
        self.init(
            transport: connection.transport, client: connection.client, vip: connection.vip,
            service: connection.service, backend: connection.backend, backendAddress: connection.backendAddress,
            state: connection.isConnected ? "open" : "connecting", bytesIn: connection.bytesIn,
            bytesOut: connection.bytesOut, worker: worker)
    }
}
