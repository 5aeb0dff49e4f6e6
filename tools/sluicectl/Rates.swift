// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Model

/// Packets a second, from two looks at the kernel's counters.
struct Rates {
    struct Rate {
        var packets = 0.0
        var newFlows = 0.0
    }

    private static let interval = Duration.milliseconds(500)

    /// By service: everything that was forwarded, and SYNs among it.
    static func measure(_ services: [PlacedService], _ kernel: KernelState) async throws -> [ServiceID: Rate] {
        let clock = ContinuousClock()
        let before = services.map { kernel.counts(of: $0.id) }
        let start = clock.now
        try await Task.sleep(for: interval)
        let seconds = start.duration(to: clock.now) / .seconds(1)
        var rates: [ServiceID: Rate] = [:]
        for (service, before) in zip(services, before) {
            rates[service.id] = rate(from: before, to: kernel.counts(of: service.id), seconds)
        }
        return rates
    }

    private static func rate(from before: [Reason: Count], to after: [Reason: Count], _ seconds: Double) -> Rate {
        var rate = Rate()
        for (reason, count) in after where reason.outcome == .forwarded {
            let packets = Double(count.packets &- (before[reason]?.packets ?? 0)) / seconds
            rate.packets += packets
            if reason.name == "new" { rate.newFlows += packets }
        }
        return rate
    }
}
