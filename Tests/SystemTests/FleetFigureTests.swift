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

    /// The catalog's size: `SLUICE_CATALOG=500x20` measures as many services of as many instances, with release products.
    private static let catalog = ProcessInfo.processInfo.environment["SLUICE_CATALOG"]?
        .split(separator: "x").compactMap { Int($0) }

    @Test func `a fleet of many services is at rest when nothing changes`() async throws {
        let size = Self.catalog ?? [40, 3]
        let (services, instances) = (try #require(size.first), try #require(size.last))
        try await FleetLab.tell { fleet in
            _ = try await fleet.lab.tool(
                ["exec", "router", Lab.tools + "/lab-catalog", "\(services)", "\(instances)"], within: 300)
            let document = (0..<services).map { number in
                "  - { name: s\(number), vip: { address: 10.9.\(10 + number / 250).\(1 + number % 250), port: 80, "
                    + "protocol: tcp }, forward: ipip, backends: { consul: { service: s\(number) } } }\n"
            }
            try await fleet.apply(FleetLab.service() + document.joined())
            for edge in fleet.edges {
                try await until("\(edge.name) has all backends", within: .seconds(120)) {
                    let rows = try await edge.ctl("backend", "list", as: [Edge.BackendRow].self)
                    return rows.count { $0.slots > 0 } == services * instances + 2
                }
            }
            try await fleet.awaitAgreement()
            let leader = try await fleet.leader()
            let time = Duration.seconds(Self.catalog == nil ? 2 : 20)
            let most = Duration.milliseconds(Self.catalog == nil ? 200 : 30)
            for edge in fleet.others(than: leader) + [leader] {
                // A generation of this size is work for seconds after it was applied.
                try await until("\(edge.name) is at rest") { try await edge.effort(during: .seconds(1)).used < most }
                let (used, switches) = try await edge.effort(during: time)
                let share = used / time
                print(
                    "\(services) services of \(instances) at rest, \(edge.name == leader.name ? "leader" : "follower"): "
                        + "\((share * 1000).rounded() / 10) % of a core, \(Double(switches) / (time / .seconds(1))) "
                        + "wake-ups a second, resident \(try edge.residentKilobytes()) kB")
                #expect(used < most * (time / .seconds(1)), "it is not at rest")
            }
        }
    }
}

extension Edge {
    /// The processor time of all the daemon's threads, and how often one of them gave its processor away, meanwhile.
    fileprivate func effort(during time: Duration) async throws -> (used: Duration, switches: Int) {
        let before = try threads()
        // Not to wait for something: the time is what is measured.
        try await Task.sleep(for: time)
        let after = try threads()
        return (.nanoseconds(after.nanoseconds - before.nanoseconds), after.switches - before.switches)
    }

    /// Of the living ones; the daemon's threads live as long as it.
    private func threads() throws -> (nanoseconds: Int, switches: Int) {
        let folder = "/proc/\(try process())/task"
        var sum = (nanoseconds: 0, switches: 0)
        for thread in try FileManager.default.contentsOfDirectory(atPath: folder) {
            let times = try String(contentsOfFile: "\(folder)/\(thread)/schedstat", encoding: .utf8)
            let status = try String(contentsOfFile: "\(folder)/\(thread)/status", encoding: .utf8)
            sum.nanoseconds += times.split(separator: " ").first.flatMap { Int($0) } ?? 0
            sum.switches += Self.number("voluntary_ctxt_switches:", in: status)
        }
        return sum
    }

    fileprivate func residentKilobytes() throws -> Int {
        Self.number("VmRSS:", in: try String(contentsOfFile: "/proc/\(try process())/status", encoding: .utf8))
    }

    private static func number(_ word: String, in status: String) -> Int {
        let line = status.split(separator: "\n").first { $0.hasPrefix(word) }
        return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0
    }
}
