// SPDX-License-Identifier: Apache-2.0

import Diagnosis
import Documents
import Model
import Reconciler

/// The services, the ways to their backends, and what is known of their health.
struct ServiceSurvey {
    /// Read where no generation was accepted yet.
    let document: String
    let kept: HostState.Restored
    let daemon: DaemonSurvey

    func services(
        interfaces: [Facts.Interface]
    ) async -> (services: Reading<[Facts.Service]>, vips: [Facts.VIPAddress]) {
        let entries: [DesiredState.Entry]
        do {
            entries = try self.entries()
        } catch {
            return (.unknown("\(error)"), [])
        }
        let vips = Set(entries.map(\.service.vip.address))
        let away = entries.filter { Self.needsWay($0.service.forwarding) }
        let ways = await Ways.look(for: vips.union(away.flatMap(\.backends).map(\.address)))
        let answers = OwnAnswers.of(entries.flatMap(suspects))
        let services = entries.map { service(of: $0, ways, answers) }
        return (
            .known(services),
            vips.sorted().map { address in
                Facts.VIPAddress(
                    address: address, route: ways.route(to: address),
                    answers: AddressOwners.others(of: address, on: interfaces))
            }
        )
    }

    private func entries() throws -> [DesiredState.Entry] {
        if let generation = kept.publication?.generation {
            return generation.services.map {
                DesiredState.Entry(service: $0.service, backends: $0.backends.map(\.backend))
            }
        }
        return document.isEmpty ? [] : try ServicesDocument.load(path: document).desired.entries
    }

    private static func needsWay(_ forwarding: Forwarding) -> Bool {
        switch forwarding {
        case .ipip, .gue, .l2: true
        case .local, .sockets: false
        }
    }

    private func service(
        of entry: DesiredState.Entry, _ ways: Ways, _ answers: [OwnAnswers.Target: Facts.Service.OwnAnswer]
    ) -> Facts.Service {
        let service = entry.service
        return Facts.Service(
            name: service.name, vip: service.vip, forwarding: service.forwarding,
            check: service.health.map { $0.throughTunnel ? .throughTunnel : .direct },
            backends: entry.backends.map { backend in
                Facts.Service.Backend(
                    name: backend.name, address: backend.address, port: backend.port,
                    way: Self.needsWay(service.forwarding) ? ways.way(to: backend.address) : nil,
                    standing: standing(of: backend, in: service, answers))
            })
    }

    // MARK: Health

    /// Those that probes see down, at the port where their own address should answer.
    private func suspects(of entry: DesiredState.Entry) -> [OwnAnswers.Target] {
        entry.backends.compactMap { backend in
            guard case .known(.down) = standing(of: backend, in: entry.service, [:]) else { return nil }
            return target(backend, entry.service)
        }
    }

    private func target(_ backend: Backend, _ service: VirtualService) -> OwnAnswers.Target? {
        let port =
            switch service.health?.probe {
            case .tcp(let port): port
            case .http(let port, _, _, _): port
            case nil: UInt16?.none
            }
        let chosen = port ?? backend.port
        return chosen == 0 ? nil : OwnAnswers.Target(address: backend.address, port: chosen)
    }

    private func standing(
        of backend: Backend, in service: VirtualService, _ answers: [OwnAnswers.Target: Facts.Service.OwnAnswer]
    ) -> Reading<Facts.Service.Standing> {
        let own = target(backend, service).flatMap { answers[$0] }
        if let health = daemon.health {
            let verdict = health.first { $0.service == service.name && $0.name == backend.name }
            switch verdict?.state {
            case "up": return .known(.up)
            case "down": return .known(.down(cause: verdict?.detail, own: own))
            default: return .known(.untried)
            }
        }
        // What the daemon wrote down before it ended.
        if kept.down[BackendName(service: service.name, backend: backend.name)] != nil {
            return .known(.down(cause: "when sluiced ran last", own: own))
        }
        return .unknown("sluiced, which probes, does not say")
    }
}
