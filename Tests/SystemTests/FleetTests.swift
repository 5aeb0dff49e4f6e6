// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// Two edges with one generation, and the router's route to one of them withdrawn.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl"))
struct FleetTests {
    @Test func `in a settled fleet a withdrawn route breaks no flow, in an unsettled one only flows with records`()
        async throws
    {
        try await Lab.with(edges: 2) { lab in
            var service = Service(backends: Service.webs(3), health: Service.healthz)
            let (first, second) = (lab.edges[0], lab.edges[1])
            for edge in lab.edges { try edge.configure([service]) }
            try await first.start()
            try await second.adoptStore(of: first)
            try await second.start()
            let digests = try await (first.status().generation?.fleetDigest, second.status().generation?.fleetDigest)
            #expect(digests.0 != nil && digests.0 == digests.1)

            let settled = try await lab.hold(100, "settled", pause: 0.2)
            try await expectTraffic(on: lab.edges)
            try await lab.route(to: second)
            try await expectAllMoved(from: first, to: second)
            let fresh = try await lab.requests(300)
            #expect(fresh.failed == 0, "\(fresh)")
            try await lab.route(to: first, second)

            // Another table on both edges: each records the flows that begin on it.
            for (index, weight) in [5, 1, 3].enumerated() { service.backends[index].weight = weight }
            for edge in lab.edges { try await edge.apply([service]) }
            let changed = try await (first.status().generation?.fleetDigest, second.status().generation?.fleetDigest)
            #expect(changed.0 != digests.0 && changed.0 == changed.1)
            let unsettled = try await lab.hold(200, "unsettled", pause: 0.2)
            try await expectTraffic(on: lab.edges)
            let records = try await first.records()
            try await lab.route(to: second)
            try await expectAllMoved(from: first, to: second)

            let old = try await settled.finish()
            #expect(old.kept == 100, "flows older than the change have no record to lose: \(old)")
            let new = try await unsettled.finish()
            let broken = 200 - (new.kept ?? 0)
            #expect(broken <= records, "\(broken) broke, of \(records) with a record on the edge that left")
            print("unsettled fleet: \(broken) of 200 broke, \(records) had a record on the edge that left")
        }
    }

    /// Each edge steers some of it.
    private func expectTraffic(on edges: [Edge]) async throws {
        for edge in edges {
            let before = try await edge.forwarded()
            try await until("\(edge.name) has traffic") { try await edge.forwarded() > before }
        }
    }

    /// The one is silent while the other goes on.
    private func expectAllMoved(from silent: Edge, to busy: Edge) async throws {
        let before = try await (silent.forwarded(), busy.forwarded())
        try await until("\(busy.name) has it all") { try await busy.forwarded() > before.1 + 500 }
        #expect(try await silent.forwarded() <= before.0 + 5)
    }
}

extension Edge {
    /// Packets that were sent to backends.
    func forwarded() async throws -> UInt64 { try await packets().values.reduce(0, +) }

    fileprivate func records() async throws -> Int {
        struct Row: Decodable { var fingerprint: String }
        return try await ctl("flow", "list", "--limit", "100000", as: [Row].self).count
    }

    /// Takes over the other's store, so that both go on from one generation.
    fileprivate func adoptStore(of other: Edge) async throws {
        try await Command.run(["mkdir", "-p", state])
        try await Command.run(["cp", "-a", "\(other.state)/store", state])
    }
}
