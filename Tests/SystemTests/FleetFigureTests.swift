// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport
import Testing

/// How quick a fleet is. The bounds leave room for a busy machine; `SLUICE_FIGURES=100` measures as many changes on a
/// quiet one, with release products, and holds the contract's.
@Suite(.serialized, .requiresFleet)
struct FleetFigureTests {
    private static let figures = ProcessInfo.processInfo.environment["SLUICE_FIGURES"].flatMap { Int($0) }

    private struct Times: Decodable {
        var changes: Int
        var median: Double
        var worst: Double
    }

    /// Ten services; the quiet time is 50 ms.
    @Test func `a change in Consul is in the maps of all three hosts soon`() async throws {
        let changes = Self.figures ?? 10
        try await FleetLab.tell { fleet in
            let services = (0..<10).map { number in
                "  - { name: s\(number), vip: { address: 10.9.9.\(10 + number), port: 80, protocol: tcp }, "
                    + "forward: ipip, drain: 1s, backends: { consul: { service: s\(number) } } }\n"
            }
            try await fleet.apply(FleetLab.service() + services.joined())
            let logs = fleet.edges.map { "\($0.folder)=\(fleet.lab.folder)/sluiced-\($0.name).log" }
            let output = try await fleet.lab.tool(
                ["exec", "router", Lab.tools + "/lab-changes", "\(changes)", "10"] + logs, within: 60 + 10 * changes)
            let times = try JSON.read(output, as: Times.self)
            print("Consul to the maps of three hosts, ms, quiet time 50: \(output)")
            let most: Double = Self.figures == nil ? 1_500 : 50 + 100
            #expect(times.median < most && times.worst < 10_000, "\(times)")
        }
    }

    @Test(arguments: [StoreKind.etcd, .redis, .consul])
    func `after a clean stop another leads at once`(store: StoreKind) async throws {
        try await FleetLab.tell(store: store) { fleet in
            let first = try await fleet.leader()
            let process = try #require(Int32(try first.process()))
            let start = ContinuousClock.now
            kill(process, SIGTERM)
            _ = try await fleet.leader(beside: first)
            let time = ContinuousClock.now - start
            print("\(store): another led \(time) after a clean stop")
            #expect(time < (Self.figures == nil ? .seconds(2.5) : .seconds(0.5)), "it waited for the lease")
            try await until("it has ended") { !first.isAlive }
            try await first.start()
        }
    }
}
