// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport
import Testing

/// The rules of just enough tracking over the code that runs on hosts: generations, tables and plans in Swift, maps and
/// program in the kernel.
@Suite(.requires("root", "bpf", "clang"), .serialized) struct SteeringTests {
    private static func number(_ name: String) -> UInt64? { getenv(name).flatMap { UInt64(String(cString: $0)) } }

    static let seed = number("SLUICE_SEED") ?? UInt64.random(in: 0...UInt64(UInt32.max))
    static let flows = number("SLUICE_FLOWS").map { Int($0) } ?? 50_000

    @Test func `no flow breaks through all kinds of changes but those that are said to`() throws {
        let simulation = try Simulation(flows: Self.flows, seed: Self.seed)
        let tally = try simulation.run()
        print("steering: SLUICE_SEED=\(Self.seed): \(tally)")
        #expect(tally.flows == Self.flows)
        #expect(tally.outsideTheList == 0, "\(tally.details.joined(separator: "\n"))")
        #expect(tally.evicted == 0)
        #expect(tally.differences == [])
        #expect(tally.mostRecords > 0)
        #expect(tally.settledGenerations > 0)
    }

    @Test func `the schedule has all that the test is about`() {
        let changes = Schedule.changes.values.flatMap { $0 }
        #expect(changes.filter { $0 == .weights }.count >= 15)
        #expect(changes.filter { if case .down = $0 { true } else { false } }.count == 6)
    }

    @Test func `the same changes break many flows where slots are settled at once`() throws {
        let tally = try Simulation(flows: Self.flows / 10, seed: Self.seed, isDefeated: true).run()
        print("steering: without tracking: \(tally)")
        #expect(tally.outsideTheList > Self.flows / 1000)
    }
}
