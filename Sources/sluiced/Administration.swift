// SPDX-License-Identifier: Apache-2.0

import Admin
import Coordination
import Documents
import Glibc
import Health
import Model
import Reconciler

/// What the admin API can ask of this daemon, and tell it.
struct Administration: AdminBackend {
    let host: String
    let startedAt: Int64
    let reconciler: Reconciler
    let monitor: HealthMonitor
    /// Nil where the services lie in the fleet's store.
    let file: ServicesFile?
    let applier: KernelApplier
    let catalog: any CatalogSource
    let workforce: Workforce

    func status() async throws -> StatusAnswer {
        let status = await reconciler.status
        let interfaces = await applier.attachments
        return StatusAnswer(
            host: host, version: Version.text, processID: getpid(), startedAt: startedAt,
            generation: status.applied.map { generation($0, status) },
            pending: status.pending.map { .init(epoch: $0.epoch, number: $0.number, digest: $0.digest) },
            leading: status.isLeading, leaderEpoch: status.leaderEpoch, interfaces: interfaces,
            isolated: status.isolated, unsettled: status.unsettled, forks: status.counts.forks, fenced: status.fenced,
            refused: status.counts.refused, problems: status.problems,
            warnings: status.warnings
                + (status.fleet?.reservations ?? []).filter { !status.problems.contains($0) }
                + (status.isLeading ? await catalog.current.warnings : []))
    }

    private func generation(_ publication: Publication, _ status: ReconcilerStatus) -> StatusAnswer.Generation {
        .init(
            epoch: publication.mark.epoch, number: publication.mark.number, digest: publication.digest,
            fleetDigest: status.fleetDigest, appliedAt: status.appliedAt)
    }

    func services() async throws -> ServicesAnswer {
        let status = await reconciler.status
        return ServicesAnswer(services: status.services.map { service($0, status) })
    }

    private func service(_ placed: PlacedService, _ status: ReconcilerStatus) -> ServicesAnswer.Service {
        let counts = placed.conditions(down: status.downIDs(of: placed))
        let service = placed.service
        return .init(
            name: service.name, vip: "\(service.vip)", forwarding: service.forwarding.rawValue,
            tableSize: service.tableSize.rawValue, hash: service.flowKey.rawValue,
            active: counts[.active] ?? 0, draining: counts[.draining] ?? 0, down: counts[.down] ?? 0,
            isolated: status.isolated.contains(service.name), settled: !status.unsettled.contains(service.name),
            notation: "\(Notation(placed, down: status.downIDs(of: placed)))")
    }

    func backends() async throws -> BackendsAnswer {
        let status = await reconciler.status
        return BackendsAnswer(backends: status.services.flatMap { backends(of: $0, status) })
    }

    private func backends(of placed: PlacedService, _ status: ReconcilerStatus) -> [BackendsAnswer.Backend] {
        let down = status.downIDs(of: placed)
        var slots: [UInt16: Int] = [:]
        for id in placed.tables(down: down).current { slots[id, default: 0] += 1 }
        return placed.backends.map { one in
            let name = BackendName(service: placed.service.name, backend: one.backend.name)
            let drain = status.drains.first { $0.service == name.service && $0.backend == name.backend }
            let hop = status.nextHops[one.backend.address]
            return .init(
                service: name.service, name: name.backend, address: "\(one.backend.address)", port: one.backend.port,
                weight: one.backend.weight, id: one.id.rawValue, state: one.condition(down: down).rawValue,
                since: one.drainingSince ?? status.down[name],
                until: one.drainDeadline(after: placed.service.drain), reason: drain?.reason,
                slots: slots[one.id.rawValue] ?? 0, nextHop: hop.map { "\($0.destination) dev \($0.interface.name)" })
        }
    }

    func health() async throws -> HealthAnswer {
        let verdicts = await monitor.verdicts
        return HealthAnswer(
            backends: verdicts.sorted { $0.key < $1.key }.map { key, verdict in
                .init(
                    service: key.service, name: key.backend, state: verdict.standing.rawValue, since: verdict.since,
                    detail: verdict.lastError)
            })
    }

    func drains() async throws -> DrainsAnswer {
        DrainsAnswer(drains: await reconciler.status.drains.map(Drain.init))
    }

    func listeners() async throws -> ListenersAnswer { ListenersAnswer(listeners: await workforce.listenerRows()) }

    func connections(most: Int) async throws -> ConnectionsAnswer {
        ConnectionsAnswer(connections: await workforce.connectionRows(most: most))
    }

    func drain(_ request: DrainRequest, by caller: Caller) async throws -> Drain {
        let override = Override(
            service: request.service, backend: request.backend, author: caller.name, reason: request.reason,
            expiry: request.expiry)
        try await answered { try await reconciler.drain(override, force: request.force ?? false) }
        return Drain(override)
    }

    func enable(service: String, backend: String, by caller: Caller) async throws {
        let name = BackendName(service: service, backend: backend)
        try await answered { try await reconciler.enable(name) }
    }

    func reload(by caller: Caller) async throws -> ReloadAnswer {
        guard let file else {
            throw Problem(
                "the services lie in the fleet's store, and changes of it are seen at once",
                remedy: "to change them:  sluicectl apply FILE", exitCode: .usage)
        }
        do {
            return try await file.reload()
        } catch let problems as Problems {
            throw BadDocument("\(problems)", remedy: "what was running goes on")
        } catch let error as ValidationError {
            throw BadDocument("\(error)", remedy: "what was running goes on")
        }
    }

    func repair(by caller: Caller) async throws {
        await applier.distrust()
        reconciler.disturbed()
    }

    /// Turns a refusal into an answer with the exit code that the CLI ends with.
    private func answered(_ change: () async throws -> Void) async throws {
        do {
            try await change()
        } catch let error as StoreError {
            throw Problem(error)
        } catch let refusal as FleetRefusal {
            throw Problem("\(refusal)")
        } catch let refusal as DrainRefusal {
            let services = await reconciler.status.services
            switch refusal {
            case .brake(_, let left, _):
                let remedy =
                    left > 0
                    ? "add --force to do it all the same"
                    : "the last one always stays: lift another's drain or add a backend first"
                throw Problem("\(refusal)", remedy: remedy, exitCode: .heldByBrake)
            case .unknownService(let name): throw UnknownName(service: name, among: services)
            case .unknownBackend(let name): throw UnknownName(backend: name, among: services)
            case .notDrained(let name):
                throw UnknownName(backend: name, among: services, orElse: "\(refusal)")
            }
        }
    }
}

extension UnknownName {
    init(service: String, among services: [PlacedService]) {
        let known = services.map(\.service.name)
        self.init(
            "there is no service '\(service)'\(Nearest.suggestion(for: service, among: known))",
            remedy: "see  sluicectl service list")
    }

    /// - Parameter reason: what is said of a backend that is there.
    init(backend name: BackendName, among services: [PlacedService], orElse reason: String? = nil) {
        guard let placed = services.first(where: { $0.service.name == name.service }) else {
            self.init(service: name.service, among: services)
            return
        }
        let known = placed.backends.map(\.backend.name)
        let isKnown = known.contains(name.backend)
        let suggestion = Nearest.suggestion(for: name.backend, among: known)
        self.init(
            isKnown
                ? reason ?? "\(name) is not in force yet"
                : "service '\(name.service)' has no backend '\(name.backend)'\(suggestion)",
            remedy: "see  sluicectl backend list \(name.service)")
    }
}

extension Drain {
    init(_ override: Override) {
        self.init(
            service: override.service, backend: override.backend, author: override.author, reason: override.reason,
            expiry: override.expiry)
    }
}

extension ReconcilerStatus {
    var services: [PlacedService] { applied?.generation.services ?? [] }

    func downIDs(of placed: PlacedService) -> Set<BackendID> {
        Set(
            placed.backends.filter {
                down[BackendName(service: placed.service.name, backend: $0.backend.name)] != nil
            }.map(\.id))
    }
}
