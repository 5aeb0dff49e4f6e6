// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// A worker that is killed while it carries connections. `SLUICE_FIGURES` demands what a quiet machine shows.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl"))
struct WorkerDeathTests {
    private struct Connection: Decodable {
        var worker: Int32
    }

    private static let connections = 60
    private static let concurrency = 8
    /// Seconds. What came to the dead worker's socket waits in its queue until another takes it.
    private static let bound = ProcessInfo.processInfo.environment["SLUICE_FIGURES"] == nil ? 3 : 0.1

    /// Kills a worker under load. Those of its connections that are held end; whoever comes meanwhile waits.
    private static func kill(_ worker: String, in lab: Lab) async throws -> Double {
        let held = try await lab.hold(connections, pause: 0.1)
        var rows: [Connection] = []
        try await until("all that are held are listed") {
            rows = try await lab.edge.ctl("connection", "list", "--limit", "1000", as: [Connection].self)
            return rows.count == connections
        }
        let own = rows.count { "\($0.worker)" == worker }
        #expect((1..<connections).contains(own), "\(own) of \(rows.count)")
        let stream = try await lab.stream(concurrency: concurrency, pause: 0)
        try await until("requests run") { try await lab.requests(50).failed == 0 }
        let before = try await lab.workers()
        try await Command.run(["kill", "-9", worker])
        try await until("another worker is there") {
            let now = try await lab.workers()
            return now.count == before.count && !now.contains(worker)
        }
        let fresh = try await lab.requests(200)
        #expect(fresh.failed == 0, "\(fresh)")
        let requests = try await stream.finish()
        #expect(requests.failed <= concurrency, "more than were under way: \(requests)")
        let kept = try await held.finish()
        #expect(kept.kept == connections - own, "its own \(own) end, no other: \(kept)")
        print("\(lab.name): \(own) connections ended with their worker, \(kept.kept ?? 0) kept; \(requests)")
        return try #require(requests.slowest)
    }

    @Test func `a worker killed under load takes its own connections along, and another serves at once`() async throws {
        try await Lab.with { lab in
            let services = [Service(forward: "sockets", backends: Service.webs(3), health: Service.healthz)]
            try await lab.run("edge1", "ip", "address", "add", "\(Lab.vip)/32", "dev", "lo")
            try lab.edge.configure(services, workers: 2)
            try await lab.edge.start()
            var slowest: [Double] = []
            // Each in turn: one that dies young waits before it is begun anew.
            for worker in try await lab.workers() { slowest.append(try await Self.kill(worker, in: lab)) }
            print("\(lab.name): the slowest requests while a worker was begun anew took \(slowest) s")
            #expect(slowest.count == 2 && slowest.allSatisfy { $0 < Self.bound }, "\(slowest)")
        }
    }
}
