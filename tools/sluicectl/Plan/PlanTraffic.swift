// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Documents
import Model

/// What the kernel's counters tell of the services that a plan changes; nothing where there is no kernel to ask.
struct PlanTraffic {
    private(set) var newFlows: [ServiceID: Double] = [:]
    private(set) var records: [ServiceID: Int] = [:]
    private(set) var unsettled: [ServiceID: Int] = [:]

    init(of prediction: Prediction, _ host: HostConfiguration) async throws {
        let services = prediction.services.compactMap(\.before)
        guard !services.isEmpty else { return }
        let kernel: KernelState
        do { kernel = try Reach.kernel(of: host) } catch {
            Terminal.error("warning: no counters, so no flow is counted: \(error)")
            return
        }
        newFlows = try await Rates.measure(services, kernel).mapValues(\.newFlows)
        let owners = Dictionary(services.flatMap { one in one.backends.map { ($0.id, one.id) } }) { one, _ in one }
        for record in kernel.records() {
            if let service = owners[record.backend] { records[service, default: 0] += 1 }
        }
        for entry in kernel.vips() where services.contains(where: { $0.id == entry.service }) {
            unsettled[entry.service] = kernel.slots(of: entry).count { $0.isUnsettled }
        }
    }
}
