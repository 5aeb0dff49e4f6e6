// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// A suite of its own, beside all others from the beginning: it takes two minutes, and nearly all of them it waits.
@Suite(.requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl"))
struct IdleTests {
    @Test func `connections that say nothing for two minutes live through all that changes meanwhile`() async throws {
        try await Lab.with(backends: 4, inTurn: false) { lab in
            var service = Service(backends: Service.webs(3), health: Service.healthz)
            try lab.edge.configure([service])
            try await lab.edge.start()
            let older = try await lab.hold(50, "older", pause: 1000)
            for (index, weight) in [4, 1, 2].enumerated() { service.backends[index].weight = weight }
            try await lab.edge.apply([service])
            // These have records where their slots have changed hands, the older ones have none.
            let newer = try await lab.hold(50, "newer", pause: 1000)
            let began = ContinuousClock.now

            service.backends.append(Service.webs(4)[3])
            try await lab.edge.apply([service])
            try await lab.edge.ctl("backend", "drain", "web", "web2")
            try await lab.flap("web1")
            try await lab.edge.kill()
            try await lab.edge.start()
            try await until("they were silent for two minutes", within: .seconds(130)) {
                ContinuousClock.now - began > .seconds(125)
            }

            for held in [older, newer] {
                let tally = try await held.finish()
                #expect(tally.kept == 50 && tally.requests == 50, "\(held.word): \(tally)")
            }
            #expect(try await lab.edge.drops().isEmpty)
        }
    }
}
