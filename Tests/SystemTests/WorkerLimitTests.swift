// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// Limits of a service over workers that run with all that is forbidden to them.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl"))
struct WorkerLimitTests {
    private struct Connection: Decodable {
        var worker: Int32
    }

    @Test func `one of two workers takes all that a service may have, and no more`() async throws {
        try await Lab.with { lab in
            // A source's limit brings all of it to one worker.
            let service = Service(
                forward: "sockets", backends: Service.webs(3),
                more: ["max-connections: 12", "max-connections-per-source: 100"])
            try await lab.run("edge1", "ip", "address", "add", "\(Lab.vip)/32", "dev", "lo")
            try lab.edge.configure([service], workers: 2)
            try await lab.edge.start()
            let held = try await lab.hold(12)
            let rows = try await lab.edge.ctl("connection", "list", as: [Connection].self)
            #expect(rows.count == 12 && Set(rows.map(\.worker)).count == 1, "\(rows)")
            #expect(try await lab.requests(1).failed == 1)
            let kept = try await held.finish()
            #expect(kept.kept == 12, "\(kept)")
        }
    }
}
