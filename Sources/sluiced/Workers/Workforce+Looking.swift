// SPDX-License-Identifier: Apache-2.0

import Admin
import Model

// What people and metrics ask of the workers.
extension Workforce {
    /// Of all workers that take connections, and of those that finish: what they counted since they began.
    func figures() -> [WorkerFigures.Service] {
        var sums: [UInt16: WorkerFigures.Service] = [:]
        for worker in everybody {
            guard let figures = ask(worker, { try $0.figures(.report, as: WorkerFigures.self) }) else { continue }
            for one in figures.services { sums[one.id, default: .init(id: one.id)].add(one) }
        }
        return sums.values.sorted { $0.id < $1.id }
    }

    func listenerRows() -> [ListenersAnswer.Listener] {
        let figures = Dictionary(figures().map { ($0.id, $0) }) { $1 }
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
