// SPDX-License-Identifier: Apache-2.0

import Model
import Storage
import TestSupport
import Testing

@testable import Reconciler

/// Some hosts, one store and a clock in one process.
final class ModelFleet {
    var store = ModelStore()
    let hosts: [ModelHost]
    private(set) var uptime = Duration.zero
    private var version: UInt64 = 0

    init(_ names: String..., candidates: Set<String>? = nil) {
        hosts = names.map { ModelHost($0, isCandidate: candidates?.contains($0) ?? true) }
    }

    var now: Moment { Moment(utc: 1000 + uptime.components.seconds, uptime: uptime) }

    subscript(name: String) -> ModelHost {
        guard let host = hosts.first(where: { $0.name == name }) else { preconditionFailure("no host \(name)") }
        return host
    }

    var leader: ModelHost? { hosts.first { $0.isLeading && $0.isAlive && $0.token == store.token } }

    // MARK: - Time

    func pass(_ duration: Duration) { uptime += duration }

    /// One host does all that it can do now.
    func turn(_ host: ModelHost) {
        host.stand(&store, at: now)
        host.poll(&store, at: now)
        host.tick(at: now)
        for _ in 0..<6 { host.progress(&store, at: now) }
        host.report(&store, at: now)
    }

    /// So much time in which everything happens as it should.
    func run(_ duration: Duration) {
        let end = uptime + duration
        while uptime < end {
            pass(.milliseconds(500))
            for host in hosts { turn(host) }
        }
    }

    /// Until all that live have what the store has and no rollout is under way, no longer than told.
    func agree(within duration: Duration = .seconds(20)) -> Bool {
        let end = uptime + duration
        while uptime < end {
            run(.milliseconds(500))
            let isOver = store.rollout?.isOver ?? true
            if isOver, hosts.allSatisfy({ !$0.isAlive || $0.mark == store.current?.mark }) { return true }
        }
        return false
    }

    // MARK: - What people and catalogs do

    /// As `sluicectl apply`.
    func apply(_ text: String) {
        let document = desired(text)
        store.documents[.desired] = StoredDocument(bytes: document, digest: Digest.sha256hex(document))
    }

    /// As `sluicectl apply --canary`; nothing where a rollout is under way.
    func canary(_ text: String, on names: String..., within seconds: Int64 = 60) {
        let document = desired(text)
        let from = store.documents[.desired]?.digest
        let id = "r\(version)"
        let at = now.utc
        store.editRollout { found in
            guard found.rollout?.isOver ?? true, found.frozen == nil else { return }
            found.rollout = Rollout(
                id: id, hosts: names, from: from, to: Digest.sha256hex(document), author: "eve", at: at,
                remaining: seconds)
        }
    }

    func decide(_ state: Rollout.State) {
        store.editRollout { found in
            guard found.rollout?.state == .canary else { return }
            found.rollout?.state = state
        }
    }

    private func desired(_ text: String) -> [UInt8] {
        version += 1
        let bytes = DesiredDocument(version: version, author: "eve", at: now.utc, document: text).bytes
        store.blobs[Digest.sha256hex(bytes)] = bytes
        return bytes
    }

    func tell(_ names: String..., routes: [String] = []) { tell(names, routes: routes) }

    func tell(_ names: [String], routes: [String] = []) {
        let instances = names.map {
            CatalogInstance(name: $0, address: Notation.address(of: $0, like: IPAddress(v4: 1)), port: 80)
        }
        let catalog = Catalog(services: [
            CatalogQuery(service: "web"): CatalogService(
                reading: ServiceReading(
                    instances: instances,
                    routes: routes.map { route in
                        CatalogRoute(host: String(route.prefix { $0 != "/" }), path: "/", instances: names)
                    }))
        ])
        for host in hosts where host.isAlive && !host.isPaused { host.tell(catalog, at: now) }
    }

    // MARK: - What is seen

    /// `a, b draining` of what a host's kernel has.
    func text(_ name: String) -> String {
        guard let service = self[name].kernel?.publication.generation.services.first else { return "nothing" }
        return "\(Notation(service))".replacing("10.0.0.1:80/tcp -> ", with: "")
    }

    /// The slots of a host's table, current and previous.
    func tables(_ name: String) -> [[UInt16]] {
        guard let order = self[name].kernel else { return [] }
        return order.publication.generation.services.flatMap { service in
            let tables = service.tables(down: order.down)
            return [tables.current, tables.previous]
        }
    }

    /// What must hold whatever happens; `unrestored`: and as long as the store forgets nothing.
    func faults(unrestored: Bool = true) -> [String] {
        var faults: [String] = []
        if unrestored {
            var publishers: [UInt64: Set<String>] = [:]
            var digests: [String: Set<String>] = [:]
            for (mark, token) in store.log {
                publishers[mark.epoch, default: []].insert(token)
                digests["\(mark.epoch).\(mark.number)", default: []].insert(mark.digest)
            }
            faults += publishers.filter { $0.value.count > 1 }.map { "two publishers of epoch \($0.key)" }
            faults += digests.filter { $0.value.count > 1 }.map { "two digests of \($0.key)" }
        }
        for host in hosts {
            for (one, next) in zip(host.applied, host.applied.dropFirst()) where !next.isAbove(one) && host.recalls == 0
            {
                faults.append("\(host.name) went from \(one) back to \(next)")
            }
        }
        return faults
    }
}
