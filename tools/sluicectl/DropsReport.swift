// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Model

/// The sampled drops that the kernel's rings hold.
struct DropsReport {
    struct Row: Encodable {
        var secondsAgo: Double
        var service: String
        var reason: String
        var interface: UInt32
        var length: Int
        /// Hexadecimal, the frame's start.
        var header: String
    }

    private let rows: [Row]

    init(_ kernel: KernelState, _ services: [(id: ServiceID?, name: String)]) {
        let names = Dictionary(services.map { ($0.id, $0.name) }) { $1 }
        let now = Double(MonotonicClock.seconds())
        rows = kernel.droppedPackets().filter { names[$0.service] != nil }.map { drop in
            Row(
                secondsAgo: max(0, now - Double(drop.time) / 1e9), service: names[drop.service] ?? "-",
                reason: drop.reason.name, interface: drop.interface, length: drop.length,
                header: drop.bytes.prefix(64).map { byte in
                    let digits = String(byte, radix: 16)
                    return digits.count == 1 ? "0" + digits : digits
                }.joined())
        }
    }

    func print(_ format: OutputFormat) throws {
        guard format == .table else { return try printJSON(rows) }
        var table = TextTable([
            .right("AGO"), .left("SERVICE"), .left("REASON"), .right("IFINDEX"), .right("LENGTH"), .left("FRAME"),
        ])
        for row in rows {
            table.add(
                Units.age(seconds: Int64(row.secondsAgo)), row.service, row.reason, "\(row.interface)", "\(row.length)",
                row.header)
        }
        Terminal.print(rows.isEmpty ? "no packet was dropped\n" : table.text)
    }
}
