// SPDX-License-Identifier: Apache-2.0

import Admin
import Model
import Reconciler

/// What this host knows of its fleet, as metrics.
struct FleetMetrics: Sendable {
    /// Nil where the host is alone.
    let watch: StoreWatch?
    let catalog: any CatalogSource

    func add(_ status: ReconcilerStatus, to text: inout MetricsText) async {
        await discovery(status, &text)
        guard let fleet = status.fleet, let watch else { return }
        let look = await watch.last
        leadership(status, fleet, look, &text)
        store(look, &text)
        hosts(fleet, &text)
    }

    private func leadership(
        _ status: ReconcilerStatus, _ fleet: ReconcilerStatus.Fleet, _ look: StoreWatch.Look, _ text: inout MetricsText
    ) {
        text.gauge(
            "sluice_leader_epoch", help: "The highest epoch of a leader that this host knows of, itself or another.",
            Double(status.knownEpoch(beside: look)))
        text.gauge(
            "sluice_lease_remaining_seconds", unit: "seconds",
            help: "How long this leader may still write; 0: it does not lead.",
            (fleet.leaseRemaining ?? .zero) / .seconds(1))
        text.gauge(
            "sluice_fleet_frozen", help: "1 while nothing is published because a person said so.",
            fleet.frozen == nil ? 0 : 1)
        text.gauge(
            "sluice_rollout_undecided", help: "1 while a change waits for its confirmation.",
            fleet.rollout.map { $0.isOver ? 0 : 1 } ?? 0)
        text.gauge(
            "sluice_held_back_services", help: "Services of which the brake keeps what the catalog takes away.",
            Double(fleet.held.count))
    }

    private func store(_ look: StoreWatch.Look, _ text: inout MetricsText) {
        text.gauge("sluice_store_up", help: "1 while the fleet's store answers.", look.answers ? 1 : 0)
        text.gauge(
            "sluice_store_problems", help: "What is wrong with the store; the log names it.",
            Double(look.health.problems.count))
        if let bytes = look.health.bytes {
            text.gauge("sluice_store_bytes", unit: "bytes", help: "How big the store is.", Double(bytes))
        }
    }

    private func hosts(_ fleet: ReconcilerStatus.Fleet, _ text: inout MetricsText) {
        guard !fleet.hosts.isEmpty else { return }
        text.family("sluice_hosts", .gauge, help: "Hosts that report, by whether they live; of the leader alone.") {
            $0.add(UInt64(fleet.hosts.count { $0.isLive }), .init("state", "live"))
            $0.add(UInt64(fleet.hosts.count { !$0.isLive }), .init("state", "silent"))
        }
    }

    /// A leader's alone: others read no catalog.
    private func discovery(_ status: ReconcilerStatus, _ text: inout MetricsText) async {
        let current = await catalog.current
        guard status.isLeading, !current.services.isEmpty else { return }
        text.family(
            "sluice_discovery_age_seconds", .gauge, unit: "seconds", help: "Since the answer in use was last confirmed."
        ) { samples in
            for (query, service) in current.services.sorted(by: { $0.key < $1.key }) {
                guard let age = service.age(at: current.at) else { continue }
                samples.add(age / .seconds(1), .init("query", query.description))
            }
        }
        text.gauge(
            "sluice_discovery_troubles", help: "Queries whose answer may be out of date; the log names them.",
            Double(current.services.values.count { $0.trouble != nil }))
    }
}

extension ReconcilerStatus {
    /// What it led with, what was published to it, what the store said: the highest of all.
    func knownEpoch(beside look: StoreWatch.Look) -> UInt64 {
        max(leaderEpoch ?? 0, highWater?.epoch ?? 0, look.epoch)
    }
}
