// SPDX-License-Identifier: Apache-2.0

import Health
import Model
import Reconciler

/// Probes the backends of the generation in force: the monitor's verdicts as the reconciler's down sets.
///
/// A check through the tunnel begins when its backend's tunnel is set up in the kernel; until then what is known of the
/// backend stays. Where the kernel cannot do it, the check goes to the backend's own address, and a warning says so.
actor HealthProbes: HealthSource {
    private let monitor: HealthMonitor
    private let tunnels: Tunnels
    private var watched: Generation?
    /// Of calls to `watch`.
    private var count = 0
    private var way = TunnelWay.open(to: [])

    init(monitor: HealthMonitor, tunnels: Tunnels) {
        self.monitor = monitor
        self.tunnels = tunnels
    }

    func watch(_ generation: Generation, down: Set<BackendName>) async {
        watched = generation
        count += 1
        await monitor.watch(
            way.targets(of: generation),
            down: Set(down.map { ProbeTarget.Key(service: $0.service, backend: $0.backend) }))
    }

    /// Sets up the tunnels that the generation's checks need, whose backends the kernel has from now on.
    ///
    /// - Returns: what a person should know.
    func applied(_ generation: Generation, steering interfaces: [NetworkInterface]) async -> [String] {
        await take(await tunnels.setUp(for: generation, steering: interfaces))
        return way.warnings
    }

    /// Follows the host's interfaces, as a new one may be where probes leave, and tries again what failed.
    ///
    /// - Parameter warningsChanged: what was said at the last apply holds no more.
    func run(warningsChanged: () -> Void) async throws {
        while !Task.isCancelled {
            do { try await Task.sleep(for: .seconds(1)) } catch { return }
            guard let changed = await tunnels.follow() else { continue }
            let before = way.warnings
            await take(changed)
            if way.warnings != before { warningsChanged() }
        }
    }

    private func take(_ way: TunnelWay) async {
        guard way != self.way else { return }
        self.way = way
        let count = count
        let verdicts = await monitor.verdicts
        // Otherwise another call has told the monitor all there is to tell.
        guard let watched, count == self.count, way == self.way else { return }
        await monitor.watch(way.targets(of: watched), down: Set(verdicts.filter { !$0.value.isUp }.keys))
    }

    nonisolated var downSets: AsyncStream<Set<BackendName>> {
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
