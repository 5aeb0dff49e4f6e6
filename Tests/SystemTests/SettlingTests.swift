// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// What comes after a change: slots settle, drained backends leave, and their ids rest.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl"))
struct SettlingTests {
    @Test func `slots settle when nothing used them for flow-idle, and the generation says so`() async throws {
        try await Lab.with { lab in
            var service = Service(backends: Service.webs(3), flowIdle: "1s", health: Service.healthz)
            try lab.edge.configure([service])
            try await lab.edge.start()
            #expect(try await lab.edge.unsettled() == 0)
            service.backends[0].weight = 3
            try await lab.edge.apply([service])
            #expect(try await lab.edge.unsettled() > 1000)
            #expect(try await !lab.edge.isSettled())
            let number = try await lab.edge.status().generation?.number ?? 0

            let changed = ContinuousClock.now
            try await until("all slots are settled", within: .seconds(60)) { try await lab.edge.unsettled() == 0 }
            let time = ContinuousClock.now - changed
            try await until("the generation is settled") { try await lab.edge.isSettled() }

            // Accepted first, in force a moment later.
            try await until("the next generation is in force") {
                try await lab.edge.status().generation?.number ?? 0 > number
            }
            #expect(try await lab.edge.output(["map", "verify"]).status == 0)
            let tally = try await lab.requests(300)
            #expect(tally.failed == 0, "\(tally)")
            print("settled after \(time)")
        }
    }

    @Test func `a removed backend leaves after its drain, and its id is not given again`() async throws {
        try await Lab.with { lab in
            var service = Service(backends: Service.webs(3), drain: "3s", flowIdle: "1h", health: Service.healthz)
            try lab.edge.configure([service])
            try await lab.edge.start()
            let stream = try await lab.stream()
            let id = try await lab.edge.backends()["web3"]?.id
            #expect(id != nil)

            let web3 = service.backends.removeLast()
            try await lab.edge.apply([service])
            #expect(try await lab.edge.backends()["web3"]?.state == "draining")
            try await until("web3 has left") { try await lab.edge.backends()["web3"] == nil }
            let without = try await lab.requests(300)
            #expect(without.failed == 0, "\(without)")
            #expect(without.backends["web3"] == nil, "\(without)")

            service.backends.append(web3)
            try await lab.edge.apply([service])
            let next = try await lab.edge.backends()["web3"]
            #expect(next?.state == "active")
            #expect(next?.id != id)
            #expect(try await lab.edge.output(["map", "verify"]).status == 0)
            let tally = try await stream.finish()
            #expect(tally.failed == 0, "\(tally)")
            #expect(try await lab.edge.drops().isEmpty)
        }
    }
}

extension Edge {
    fileprivate func isSettled() async throws -> Bool {
        struct Facts: Decodable { var isSettled: Bool }
        return try await ctl("service", "show", "web", as: Facts.self).isSettled
    }
}
