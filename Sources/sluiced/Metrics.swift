// SPDX-License-Identifier: Apache-2.0

import Admin
import Dataplane
import Documents
import Health
import Logging
import Model
import Reconciler

/// What this host counts, read from the kernel's maps and the daemon's state when it is asked for.
struct Metrics: MetricsSource {
    let host: HostConfiguration
    let reconciler: Reconciler
    let monitor: HealthMonitor
    let fleet: FleetMetrics
    let relay: RelayMetrics
    let http: HTTPMetrics
    let logger: Logger

    func metrics() async throws -> MetricsText {
        let status = await reconciler.status
        let verdicts = await monitor.verdicts
        var text = MetricsText()
        text.family("sluice_build", .info, help: "The daemon's version.") {
            $0.add(UInt64(1), .init("version", Version.text))
        }
        generation(status, &text)
        problems(status, &text)
        await fleet.add(status, to: &text)
        backends(status, verdicts, &text)
        await relay.add(to: &text)
        await http.add(to: &text)
        if status.applied != nil, let kernel = kernel() { packets(status, kernel, &text) }
        return text
    }

    /// Nil where the pins cannot be read: all else is still told, then above all.
    private func kernel() -> KernelState? {
        do {
            return try KernelState.open(bpfRoot: host.datapath.bpfRoot)
        } catch {
            logger.warning("counters not read", metadata: ["cause": "\(error)"])
            return nil
        }
    }

    private func generation(_ status: ReconcilerStatus, _ text: inout MetricsText) {
        text.gauge(
            "sluice_generation_epoch", help: "Epoch of the generation in force.",
            Double(status.applied?.mark.epoch ?? 0))
        text.gauge(
            "sluice_generation_number", help: "Number of the generation in force.",
            Double(status.applied?.mark.number ?? 0))
        text.gauge("sluice_leading", help: "1 while this host publishes.", status.isLeading ? 1 : 0)
        text.gauge(
            "sluice_unsettled_services", help: "Services with slots whose previous backend may still be in use.",
            Double(status.unsettled.count))
        text.gauge(
            "sluice_isolated_services", help: "Services whose brake holds back what probes see down.",
            Double(status.isolated.count))
    }

    private func problems(_ status: ReconcilerStatus, _ text: inout MetricsText) {
        text.gauge(
            "sluice_problems", help: "What is wrong now; the log and `sluicectl doctor` name it.",
            Double(status.problems.count))
        text.counter(
            "sluice_apply_failures", help: "Generations that could not be applied.", status.counts.failedApplies)
        text.counter("sluice_forks", help: "Pairs of epoch and number seen with two digests.", status.counts.forks)
        text.counter(
            "sluice_refused_generations", help: "Generations below the high-water mark.", status.counts.refused)
        text.counter(
            "sluice_wrong_predecessors", help: "Generations that name another predecessor than this host had.",
            status.counts.wrongPredecessors)
        text.counter(
            "sluice_verify_mismatches", help: "Times that the kernel's maps were other than they should be.",
            status.counts.mismatches)
        text.counter("sluice_fenced_writes", help: "Publications that the store refused.", status.fenced)
    }

    private func backends(
        _ status: ReconcilerStatus, _ verdicts: HealthMonitor.Verdicts, _ text: inout MetricsText
    ) {
        text.family("sluice_backends", .gauge, help: "Backends by state.") { samples in
            for placed in status.services {
                let counts = placed.conditions(down: status.downIDs(of: placed))
                for condition in BackendCondition.allCases {
                    samples.add(
                        UInt64(counts[condition] ?? 0), .init("service", placed.service.name),
                        .init("state", condition.rawValue))
                }
            }
        }
        text.family("sluice_backend_up", .gauge, help: "1 while this host's probes see the backend up.") { samples in
            for (key, verdict) in verdicts.sorted(by: { $0.key < $1.key }) {
                samples.add(UInt64(verdict.isUp ? 1 : 0), .init("service", key.service), .init("backend", key.backend))
            }
        }
    }

    private func packets(_ status: ReconcilerStatus, _ kernel: KernelState, _ text: inout MetricsText) {
        let counted: [(service: String, counts: [Reason: Count])] =
            [("", kernel.counts(of: nil))] + status.services.map { ($0.service.name, kernel.counts(of: $0.id)) }
        let families: [(name: String, unit: String?, value: (Count) -> UInt64)] = [
            ("sluice_packets", nil, { $0.packets }), ("sluice_packets_bytes", "bytes", { $0.bytes }),
        ]
        for family in families {
            text.family(family.name, .counter, unit: family.unit, help: "Packets by what happened to them and why.") {
                samples in
                for (service, counts) in counted {
                    for (reason, count) in counts.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
                        samples.add(
                            family.value(count), .init("service", service), .init("outcome", reason.outcome.rawValue),
                            .init("reason", reason.name))
                    }
                }
            }
        }
        text.family("sluice_backend_packets", .counter, help: "Packets sent to each backend.") { samples in
            for placed in status.services {
                for one in placed.backends {
                    samples.add(
                        kernel.count(of: one.id).packets, .init("service", placed.service.name),
                        .init("backend", one.backend.name))
                }
            }
        }
        text.gauge("sluice_records", help: "Flows remembered in unsettled slots.", Double(kernel.recordCount()))
    }
}
