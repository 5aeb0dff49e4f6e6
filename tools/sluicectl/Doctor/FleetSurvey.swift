// SPDX-License-Identifier: Apache-2.0

import Admin
import Coordination
import Diagnosis
import Documents

/// Asks the fleet's store itself, with this host's credentials, and the daemon what it knows of the fleet.
struct FleetSurvey {
    let host: HostConfiguration
    let options: CommonOptions

    /// Nil where the host is alone.
    func fleet() async -> Facts.Fleet? {
        let settings = host.coordination
        guard let kind = Self.kind(settings.store) else { return nil }
        var fleet = Facts.Fleet(
            kind: kind, place: settings.storeName, isCandidate: settings.candidate, lease: settings.lease.lease,
            renew: settings.lease.renew, retry: settings.lease.retry, store: .silent(""))
        (fleet.place, fleet.store) = await store(fleet.place)
        fleet.daemon = await view()
        return fleet
    }

    private static func kind(_ store: CoordinationSettings.Store) -> Facts.Fleet.Kind? {
        switch store {
        case .local: nil
        case .etcd: .etcd
        case .redis(let access): access.sentinelMaster == nil ? .redis : .sentinel
        case .consul: .consul
        }
    }

    // MARK: The store

    private func store(_ name: String) async -> (place: String, Facts.Store) {
        do {
            return try await StorePlace(host).withStore { store in
                do { return (store.place, try await Self.look(at: store)) } catch {
                    return (store.place, Self.failure(error, at: store.place))
                }
            }
        } catch {
            return (name, Self.failure(error, at: name))
        }
    }

    /// An election takes a moment: where nobody leads it is looked for a while longer.
    private static let patience = Duration.seconds(4)

    private static func look(at store: any FleetStore) async throws -> Facts.Store {
        guard let identity = try await store.identity() else { return .empty }
        let clock = ContinuousClock()
        let start = clock.now
        var status = try await store.status(of: .leader)
        let took = clock.now - start
        while status.holder == nil, clock.now - start < patience {
            try await Task.sleep(for: .milliseconds(200))
            status = try await store.status(of: .leader)
        }
        let health = try await store.health()
        return .answers(
            Facts.StoreLook(
                identity: "fleet \(identity.fleet)", version: health.version, bytes: health.bytes,
                problems: health.problems, leader: status.holder?.host, epoch: status.epoch, took: took))
    }

    private static func failure(_ error: any Error, at place: String) -> Facts.Store {
        switch error {
        case StoreError.unreachable(_, _, let cause), StoreError.unknown(_, _, let cause):
            .silent("cannot be used now: \(cause)")
        case StoreError.denied(_, _, let cause): .refuses("does not let us in: \(cause)")
        case StoreError.foreign(_, let fleet, let found): .refuses("belongs to fleet \(found), this host to \(fleet)")
        case StoreError.empty: .empty
        default: .refuses("\(error)")
        }
    }

    // MARK: The daemon

    private func view() async -> Facts.View? {
        let fleet: FleetAnswer
        do { fleet = try await AdminClient(host: options).get("/v1/fleet", as: FleetAnswer.self) } catch {
            // That it does not answer, or cannot read the store, is a finding of its own.
            return nil
        }
        var view = Facts.View()
        view.behind = fleet.hosts.first { $0.name == host.host }?.behind
        view.silent = fleet.hosts.filter { $0.live == false }.map(\.name)
        view.hasDesired = fleet.desired != nil
        view.frozen = fleet.frozen
        view.held = fleet.held
        view.oldestAnswer = fleet.discovery.compactMap(\.age).max()
        if let rollout = fleet.rollout, rollout.state == "canary" {
            let hosts = rollout.hosts.isEmpty ? "all hosts" : rollout.hosts.joined(separator: ", ")
            view.trial = "on \(hosts)" + (rollout.remaining.map { ", \(Units.age(seconds: $0)) left" } ?? "")
        }
        return view
    }
}
