// SPDX-License-Identifier: Apache-2.0

import Admin
import Glibc
import Model

// What people and metrics ask of the workers.
extension Workforce {
    /// Asks all workers what they have counted.
    ///
    /// - Returns: with what those that have ended, or do not answer, said last.
    func count() -> WorkerFigures {
        for worker in everybody {
            guard let figures = ask(worker, { try $0.figures(.report, as: WorkerFigures.self) }) else { continue }
            worker.counted = figures.checked
        }
        var sum = ended
        for worker in everybody { sum.add(worker.counted) }
        for link in unreached.values.compactMap(\.link) { sum.add(link.counted) }
        return sum
    }

    /// Services of which any worker relays a connection now.
    func holding() -> Set<ServiceID> {
        Set(count().services.lazy.filter { $0.active > 0 }.map { ServiceID(rawValue: $0.id) })
    }

    func listenerRows() -> [ListenersAnswer.Listener] {
        let counted = count()
        return relayRows(counted.services) + httpRows(counted.http)
    }

    private func httpRows(_ counted: [WorkerFigures.HTTPListener]) -> [ListenersAnswer.Listener] {
        let figures = Dictionary(counted.map { ($0.key, $0) }) { $1 }
        return routing.listeners.map { listener in
            let key = ListenerKey(listener)
            let sum = figures[key] ?? .init(key: key)
            let routed = routing.routes(of: listener).flatMap(\.targets).map(\.service)
            let services = Set(routed).union(listener.sniffing?.services ?? []).sorted()
            return .init(
                kind: key.kind.rawValue, bind: "\(key.vip)", service: services.joined(separator: ","),
                workers: takers(of: key), sockets: listeners.sockets[key]?.count ?? 0, active: sum.active,
                accepted: sum.accepted, ended: sum.refused, name: listener.name, requests: sum.requests,
                certificates: certificates(listener), problem: unopened[key])
        }
    }

    private func certificates(_ listener: Listener) -> [ListenersAnswer.Certificate]? {
        let now = Int64(time(nil))
        return files.shown(listener.bind)?.map { .init(names: $0.names, expiry: $0.expiry, days: $0.days(at: now)) }
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
                connectFailures: sum.connectFailures, datagramsDropped: sum.datagramsDropped, ended: sum.ended,
                problem: unopened[key])
        }
    }

    func connectionRows(most: Int) -> [ConnectionsAnswer.Connection] {
        var rows: [ConnectionsAnswer.Connection] = []
        for worker in everybody where rows.count < most {
            let left = most - rows.count
            let list = ask(worker) { try $0.figures(.connections(most: left), as: [WorkerConnection].self) } ?? []
            rows += list.prefix(left).map { .init($0, worker: worker.peer.process) }
        }
        return rows
    }

    private func ask<Value>(_ worker: WorkerLink, _ body: (WorkerLink) throws -> Value) -> Value? {
        do {
            return try body(worker)
        } catch let refusal as WorkerRefusal {
            logger.error("\(refusal)", metadata: ["process": "\(worker.peer.process)"])
            return nil
        } catch {
            discard(worker, because: error)
            return nil
        }
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
