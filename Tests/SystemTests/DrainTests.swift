// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Established connections while backends come, go and change under load.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl"))
struct DrainTests {
    @Test func `a drain under load breaks none of 200 connections, and the backend gets no new one`() async throws {
        try await Lab.with { lab in
            try lab.edge.configure([Service(backends: Service.webs(3), health: Service.healthz)])
            try await lab.edge.start()
            let held = try await lab.hold(200, pause: 0.3)
            let stream = try await lab.stream()

            try await lab.edge.ctl("backend", "drain", "web", "web2")
            try await until("web2 has no slot") { try await lab.edge.backends()["web2"]?.slots == 0 }
            try await until("the kernel's table has no slot of web2") {
                try await lab.edge.ctl("map", "show", as: [Edge.TableRow].self)
                    .allSatisfy { $0.backend != "web2" || $0.current == 0 }
            }
            let fresh = try await lab.requests(1000)

            #expect(fresh.failed == 0, "\(fresh)")
            #expect(fresh.backends["web2"] == nil, "\(fresh)")
            try await until("each connection was used since") { try await lab.edge.packets()["previous"] ?? 0 > 200 }
            try await expectUnharmed(held, stream, of: 200, in: lab.edge)
        }
    }

    @Test func `no connection breaks while weights change, a backend is added and another's probe flaps`() async throws
    {
        try await Lab.with(backends: 4) { lab in
            // A table settles some 25 s after its last use: in the midst of this.
            var service = Service(backends: Service.webs(3), flowIdle: "8s", health: Service.healthz)
            let kept = Service(name: "kept", vip: "10.9.9.10", backends: Service.webs(3), health: Service.healthz)
            try lab.edge.configure([service, kept])
            try await lab.edge.start()
            let began = ContinuousClock.now
            let busy = try await lab.hold(200, "busy")
            let idle = try await lab.hold(50, "idle", pause: 7)
            let silent = try await lab.hold(50, "silent", to: "10.9.9.10", pause: 1000)
            let stream = try await lab.stream()

            for round in 1...15 {
                for number in service.backends.indices { service.backends[number].weight = 1 + (round + number) % 4 }
                if round == 5 { service.backends.append(Service.webs(4)[3]) }
                let others = Service(
                    name: "kept", vip: "10.9.9.10", backends: service.backends, health: Service.healthz)
                try await lab.edge.apply([service, others])
            }
            for _ in 1...6 {
                try lab.healthz("web1", answers: false)
                try await until("web1 is down") { try await lab.edge.backends()["web1"]?.state == "down" }
                try lab.healthz("web1", answers: true)
                try await until("web1 is up again") { try await lab.edge.backends()["web1"]?.state == "active" }
            }
            let fresh = try await lab.requests(500)
            #expect(fresh.failed == 0, "\(fresh)")
            #expect(fresh.backends["web4"] != nil, "the added backend has no new flow: \(fresh)")
            try await until("connections were silent for a minute", within: .seconds(70)) {
                ContinuousClock.now - began > .seconds(62)
            }

            let others = try await idle.finish()
            #expect(others.kept == 50, "\(others)")
            let last = try await silent.finish()
            #expect(last.kept == 50 && last.requests == 50, "\(last)")
            try await expectUnharmed(busy, stream, of: 200, in: lab.edge)
        }
    }

    @Test(.enabled("one CPU only") { ProcessInfo.processInfo.activeProcessorCount > 1 })
    func `a flow whose SYN and ACK arrive on different CPUs goes where its record says`() async throws {
        try await Lab.with(backends: 2) { lab in
            var service = Service(backends: Service.webs(2))
            service.backends[1].weight = 0
            try lab.edge.configure([service])
            try await lab.edge.start()
            // All slots change hands: without its record, what follows a SYN would go to web1.
            service.backends[0].weight = 0
            service.backends[1].weight = 1
            try await lab.edge.apply([service])
            try await lab.run(
                "router", "ip", "neigh", "add", "198.51.100.8", "lladdr", "02:00:00:00:01:07", "dev", "client")

            let text = try await lab.run("client", Lab.tools + "/lab-traffic", "split", Lab.vip, "--count", "200")
            let tally = try JSON.read(text, as: Tally.self)

            #expect(tally.failed == 0, "\(tally)")
            #expect(tally.backends == ["web2": 200], "\(tally)")
            // Packets may be handed on to the CPU that is at it already, so not each of them stays on its sender's.
            let new = try await lab.edge.packetsByCPU(reason: 2)
            let recorded = try await lab.edge.packetsByCPU(reason: 3)
            #expect(new.reduce(0, +) == 200, "\(new)")
            #expect(new[0] > 50, "SYNs by CPU: \(new)")
            #expect(recorded[1] > 50, "what followed, by CPU: \(recorded)")
        }
    }
}

/// Ends both: no held connection broke, no request failed, and no packet was dropped.
func expectUnharmed(_ held: Traffic, _ stream: Traffic, of connections: Int, in edges: Edge...) async throws {
    let requests = try await stream.finish()
    let kept = try await held.finish()
    #expect(requests.failed == 0, "\(requests)")
    #expect(requests.requests > 50, "\(requests)")
    #expect(kept.kept == connections && kept.failed == 0, "\(kept)")
    for edge in edges {
        let drops = try await edge.drops()
        #expect(drops.isEmpty, "\(edge.name) dropped packets: \(drops)")
        print("\(edge.lab): \(requests)\n  \(kept)\n  \(try await edge.packets())")
    }
}
