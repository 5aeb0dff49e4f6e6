// SPDX-License-Identifier: Apache-2.0

import Health
import Model
import Reconciler

/// Probes the backends of the generation in force: the monitor's verdicts as the reconciler's down sets.
struct HealthProbes: HealthSource {
    let monitor: HealthMonitor
    /// Whether this host can send a probe through a backend's tunnel.
    let tunnels: Bool

    func watch(_ generation: Generation, down: Set<BackendName>) async {
        let targets = generation.services.flatMap { placed -> [ProbeTarget] in
            guard let check = placed.service.health else { return [] }
            return placed.backends.map { target(of: $0, in: placed.service, check) }
        }
        await monitor.watch(
            targets, down: Set(down.map { ProbeTarget.Key(service: $0.service, backend: $0.backend) }))
    }

    private func target(of backend: PlacedBackend, in service: VirtualService, _ check: HealthCheck) -> ProbeTarget {
        ProbeTarget(
            service: service.name, backend: backend.backend, vip: service.vip, check: check,
            mark: tunnels ? TunnelMark.mark(of: backend.id) : nil)
    }

    var downSets: AsyncStream<Set<BackendName>> {
        let updates = monitor.updates
        return AsyncStream {
            for await verdicts in updates {
                return Set(
                    verdicts.filter { !$0.value.isUp }.map {
                        BackendName(service: $0.key.service, backend: $0.key.backend)
                    })
            }
            return nil
        }
    }
}

/// The mark by which the kernel knows a probe's packets, and which backend's tunnel they take.
enum TunnelMark {
    static func mark(of backend: BackendID) -> UInt32 { 0x5100_0000 | UInt32(backend.rawValue) }
}
