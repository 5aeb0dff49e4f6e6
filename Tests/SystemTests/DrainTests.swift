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
            try lab.edge.configure([service])
            try await lab.edge.start()
            let began = ContinuousClock.now
            let busy = try await lab.hold(200, "busy")
            let idle = try await lab.hold(50, "idle", pause: 7)
            let stream = try await lab.stream()

            for round in 1...15 {
                for number in service.backends.indices { service.backends[number].weight = 1 + (round + number) % 4 }
                if round == 5 { service.backends.append(Service.webs(4)[3]) }
                try await lab.edge.apply([service])
            }
            for _ in 1...6 { try await lab.flap("web1") }
            let fresh = try await lab.requests(500)
            #expect(fresh.failed == 0, "\(fresh)")
            // It has 3 of 10 parts: that chance leaves it out 500 times has a probability of 10 to the -77.
            #expect(fresh.backends["web4"] != nil, "the added backend has no new flow: \(fresh)")
            try await until("tables had time to settle", within: .seconds(60)) {
                ContinuousClock.now - began > .seconds(45)
            }

            let others = try await idle.finish()
            #expect(others.kept == 50, "\(others)")
            try await expectUnharmed(busy, stream, of: 200, in: lab.edge)
        }
    }

    @Test(.enabled("one CPU only") { try Self.cpusAllowed() > 1 })
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

            let text = try await lab.run("client", Lab.tools + "/lab-handshakes", Lab.vip, "--count", "200")
            let tally = try JSON.read(text, as: Tally.self)

            #expect(tally.failed == 0, "\(tally)")
            #expect(tally.backends == ["web2": 200], "\(tally)")
            // Packets may be handed on to the CPU that is at it already, so not each of them stays on its sender's.
            let new = try await lab.edge.packetsByCPU(reason: 2)
            let recorded = try await lab.edge.packetsByCPU(reason: 3)
            #expect(new.reduce(0, +) == 200, "\(new)")
            // How many is chance; that none of 200 did would say that the way was not gone at all.
            let used = try JSON.read(text, as: Handshakes.self).cpus
            #expect(new[used[0]] > 0, "SYNs by CPU: \(new)")
            #expect(recorded[used[1]] > 0, "what followed, by CPU: \(recorded)")
        }
    }

    /// Those that `tools/lab-handshakes` sent on, the SYN's first.
    private struct Handshakes: Decodable { var cpus: [Int] }

    /// How many this process may use, and so the programs that it starts.
    private static func cpusAllowed() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let mask = try #require(status.firstMatch(of: #/Cpus_allowed:\s*([0-9a-f,]+)/#)?.output.1)
        return mask.compactMap(\.hexDigitValue).reduce(0) { $0 + $1.nonzeroBitCount }
    }
}

extension Lab {
    /// The backend's probe fails until it is seen down, and succeeds until it is up again; its nginx lives on.
    func flap(_ node: String) async throws {
        try healthz(node, answers: false)
        try await until("\(node) is down") { try await edge.backends()[node]?.state == "down" }
        try healthz(node, answers: true)
        try await until("\(node) is up again") { try await edge.backends()[node]?.state == "active" }
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
