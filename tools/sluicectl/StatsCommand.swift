// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Dataplane
import Foundation
import Model

/// `sluicectl stats`: what happened to packets, and why.
struct StatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Packets by service, what happened to them and why; works while the daemon is dead.")

    @Argument(help: "A service's name; all if left out.")
    var service: String?

    @Flag(
        name: .shortAndLong,
        help: "Again every second, with rates; control-C ends it. As JSON: one object a line, with its time.")
    var watch = false

    @Flag(help: "The headers of sampled drops instead.")
    var drops = false

    @OptionGroup var options: CommonOptions

    struct Row: Encodable {
        var service: String
        var outcome: String
        var reason: String
        var packets: UInt64
        var bytes: UInt64
        var packetsPerSecond: Double?
        /// UTC, seconds since 1970; only while watching.
        var time: Double?
    }

    func run() async throws {
        let kernel = try Reach.kernel(of: try options.host())
        let state = try LocalState(options)
        let services = try names(state)
        if drops { return try DropsReport(kernel, services).print(options.output) }
        let rows = rows(kernel, services, since: [], over: nil)
        guard watch else { return try show(rows) }
        try await follow(kernel, state, rows)
    }

    private func follow(_ kernel: KernelState, _ state: LocalState, _ first: [Row]) async throws {
        let clock = ContinuousClock()
        var (rows, last) = (first, clock.now)
        while !Task.isCancelled {
            try await Task.sleep(for: .seconds(1))
            let now = clock.now
            // Read anew each time: services come and go.
            let services = try names(state.again(options))
            rows = self.rows(kernel, services, since: rows, over: last.duration(to: now) / .seconds(1))
            last = now
            try options.output == .json ? showLines(rows) : showAgain(rows)
        }
    }

    /// Ids to names; the id 0 stands for packets of no service.
    private func names(_ state: LocalState) throws -> [(id: ServiceID?, name: String)] {
        if let service { return [(try state.service(named: service).id, service)] }
        return [(nil, "-")] + state.generation.services.map { ($0.id, $0.service.name) }
    }

    private func rows(
        _ kernel: KernelState, _ services: [(id: ServiceID?, name: String)], since before: [Row], over seconds: Double?
    ) -> [Row] {
        let earlier = Dictionary(before.map { ("\($0.service)/\($0.reason)", $0.packets) }) { $1 }
        return services.flatMap { id, name in
            kernel.counts(of: id).sorted { $0.key.rawValue < $1.key.rawValue }.map { reason, count in
                let rate = seconds.map {
                    Double(count.packets &- (earlier["\(name)/\(reason.name)"] ?? 0)) / $0
                }
                return Row(
                    service: name, outcome: reason.outcome.rawValue, reason: reason.name, packets: count.packets,
                    bytes: count.bytes, packetsPerSecond: rate)
            }
        }
    }

    private func showLines(_ rows: [Row]) throws {
        let time = Date().timeIntervalSince1970
        for var row in rows {
            row.time = (time * 1000).rounded() / 1000
            try printJSONLine(row)
        }
    }

    private func showAgain(_ rows: [Row]) throws {
        if Terminal.isInteractive { Terminal.print("\u{1b}[H\u{1b}[2J") }
        try show(rows)
    }

    private func show(_ rows: [Row]) throws {
        guard options.output == .table else { return try printJSON(rows) }
        var columns: [TextTable.Column] = [
            .left("SERVICE"), .left("OUTCOME"), .left("REASON"), .right("PACKETS"), .right("BYTES"),
        ]
        if watch { columns.append(.right("PACKETS/S")) }
        var table = TextTable(columns)
        for row in rows {
            var cells = [row.service, row.outcome, row.reason, "\(row.packets)", Units.bytes(row.bytes)]
            if watch { cells.append(row.packetsPerSecond.map { Units.count($0) } ?? "-") }
            table.add(cells: cells)
        }
        Terminal.print(rows.isEmpty ? "no packet was counted yet\n" : table.text)
    }
}
