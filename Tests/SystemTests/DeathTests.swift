// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// A backend, or the daemon itself, ends without a word.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl", "bpftool"))
struct DeathTests {
    @Test func `only requests to a dead backend fail, and only until its probes have seen it`() async throws {
        try await Lab.with { lab in
            try lab.edge.configure([Service(backends: Service.webs(3), health: Service.healthz)])
            try await lab.edge.start()
            let stream = try await lab.stream(concurrency: 8)
            try await until("the stream runs") { (try await lab.edge.packets()["new"] ?? 0) > 200 }

            let death = Date().timeIntervalSince1970
            try await lab.stop("nginx-web2")
            let ended = Date().timeIntervalSince1970
            try await until("web2 is down") { try await lab.edge.backends()["web2"]?.state == "down" }
            let seen = Date().timeIntervalSince1970
            let fresh = try await lab.requests(500)
            let tally = try await stream.finish()

            #expect(fresh.failed == 0, "\(fresh)")
            #expect(fresh.backends["web2"] == nil, "\(fresh)")
            // A third of what is asked within two intervals: of 50 requests, none with a probability of 10 to the -9.
            #expect(tally.failed > 0, "the death was not noticed at all: \(tally)")
            let last = tally.failures.map(\.at).max() ?? death
            // Three probes 200 ms apart, the last one's limit of 200 ms, the way to the kernel: 1 s on an idle host.
            #expect(seen - ended < 5, "the probes took \(seen - ended) s")
            // A client that is kept waiting for a CPU counts a failure later than it was.
            #expect(last - seen < 1, "new flows failed for \(last - seen) s after that")
            #expect(tally.failures.allSatisfy { $0.at >= death })
            for failure in tally.failures.filter({ $0.port != 0 }).prefix(5) {
                let explanation = try await lab.edge.explain(port: failure.port)
                #expect(explanation.previous == "web2", "port \(failure.port): \(failure.reason)")
            }
            print("dead backend: \(tally), the last failed \(last - ended) s after its end")
        }
    }

    @Test func `a backend whose host falls silent is out after its probes' limits, and nothing fails from then on`()
        async throws
    {
        try await Lab.with { lab in
            try lab.edge.configure([Service(backends: Service.webs(3), health: Service.healthz)])
            try await lab.edge.start()
            let patience = 2.0
            let stream = try await lab.stream(concurrency: 8, timeout: patience)
            try await until("the stream runs") { (try await lab.edge.packets()["new"] ?? 0) > 200 }

            let silence = Date().timeIntervalSince1970
            try await lab.run("web2", "ip", "link", "set", "eth0", "down")
            let ended = Date().timeIntervalSince1970
            try await until("web2 is down") { try await lab.edge.backends()["web2"]?.state == "down" }
            let seen = Date().timeIntervalSince1970
            let fresh = try await lab.requests(500)
            let tally = try await stream.finish()

            #expect(fresh.failed == 0, "\(fresh)")
            #expect(fresh.backends["web2"] == nil, "\(fresh)")
            // Three limits of 200 ms, and as many intervals at most; the rest is for a host that is busy.
            #expect(seen - ended < 5, "the probes took \(seen - ended) s")
            // A SYN that is sent again after a second may find another backend by then, so perhaps none fails.
            let last = tally.failures.map(\.at).max() ?? seen
            #expect(last - seen < patience + 1, "requests failed until \(last - seen) s after that: \(tally)")
            #expect(tally.failures.allSatisfy { $0.at >= silence }, "\(tally)")
            for failure in tally.failures.filter({ $0.port != 0 }).prefix(5) {
                let explanation = try await lab.edge.explain(port: failure.port)
                #expect(explanation.previous == "web2", "port \(failure.port): \(failure.reason)")
            }
            print("silent backend: \(tally), seen down after \(seen - ended) s")
        }
    }

    @Test func `a killed daemon costs no request, and the next one adopts what lies in the kernel`() async throws {
        try await Lab.with { lab in
            try lab.edge.configure([Service(backends: Service.webs(3), health: Service.healthz)])
            try await lab.edge.start()
            let held = try await lab.hold(100, pause: 0.5)
            let stream = try await lab.stream()
            // Unsettled slots and records, which the next daemon must not disturb.
            try await lab.edge.ctl("backend", "drain", "web", "web3")
            let pins = try await lab.edge.inodes()
            let program = try await lab.edge.program()
            let before = try await lab.edge.packets()

            for _ in 1...3 {
                try await lab.edge.kill()
                let alone = try await lab.requests(500)
                #expect(alone.failed == 0, "without a daemon: \(alone)")
                #expect(alone.backends["web3"] == nil, "without a daemon: \(alone)")
                try await lab.edge.start()
            }

            #expect(try await lab.edge.inodes() == pins)
            #expect(try await lab.edge.program() == program)
            try await expectNoLess(lab.edge.packets(), than: before)
            #expect(try await lab.edge.output(["map", "verify"]).status == 0)
            try await expectUnharmed(held, stream, of: 100, in: lab.edge)
        }
    }

    @Test func `a daemon killed in the midst of changes leaves nothing half done`() async throws {
        try await Lab.with { lab in
            var service = Service(backends: Service.webs(3), health: Service.healthz)
            try lab.edge.configure([service])
            try await lab.edge.start()
            let held = try await lab.hold(100, pause: 0.3)
            let stream = try await lab.stream()

            for (round, milliseconds) in [0, 10, 30, 60, 100, 200, 400].enumerated() {
                for number in service.backends.indices { service.backends[number].weight = 1 + (round + number) % 3 }
                try lab.edge.write(Service.document([service]), to: "services.yaml")
                try await lab.edge.reload()
                // The death is to hit another moment each time.
                try await Task.sleep(for: .milliseconds(milliseconds))
                try await lab.edge.kill()
                let alone = try await lab.requests(100)
                #expect(alone.failed == 0, "\(milliseconds) ms after a change: \(alone)")
                try await lab.edge.start()
                let verify = try await lab.edge.output(["map", "verify"])
                #expect(verify.status == 0, "\(milliseconds) ms after a change: \(verify.text)\(verify.errors)")
            }

            try await until("the last weights are in force") {
                let rows = try await lab.edge.backends()
                return service.backends.allSatisfy { rows[$0.name]?.weight == UInt32($0.weight) }
            }
            try await expectUnharmed(held, stream, of: 100, in: lab.edge)
        }
    }

    @Test func `a program with other features takes over under load without a loss`() async throws {
        try await Lab.with { lab in
            let web = Service(backends: Service.webs(3), health: Service.healthz)
            try lab.edge.configure([web])
            try await lab.edge.start()
            let held = try await lab.hold(100, pause: 0.1)
            let stream = try await lab.stream(concurrency: 8, pause: 0)
            var program = try await lab.edge.program()
            var before = try await lab.edge.packets()

            let web6 = Service(name: "web6", vip: Lab.vip6, forward: "gue", backends: Service.webs(3, family: 6))
            for services in [[web, web6], [web], [web, web6]] {
                try await lab.edge.apply(services)
                // One that can do less is compiled behind the change.
                let last = program
                try await until("another program runs") { try await lab.edge.program() != last }
                let next = try await lab.edge.program()
                let now = try await lab.edge.packets()
                expectNoLess(now, than: before)
                (program, before) = (next, now)
            }

            let fresh = try await lab.requests(200, to: Lab.vip6)
            #expect(fresh.failed == 0, "\(fresh)")
            try await expectUnharmed(held, stream, of: 100, in: lab.edge)
        }
    }

    @Test func `the daemon dead, sluicectl looks and explains, and finds a damaged slot, which the daemon mends`()
        async throws
    {
        try await Lab.with { lab in
            try lab.edge.configure([Service(backends: Service.webs(3))])
            try await lab.edge.start()
            _ = try await lab.requests(100)
            try await lab.edge.kill()
            let before = try await lab.edge.packets()
            let flow = ["--src", "\(Lab.client):4711", "--dst", "\(Lab.vip):80"]

            for look in [
                ["map", "list"], ["map", "show"], ["map", "dump", "web"], ["map", "verify"], ["flow", "list"],
                ["stats"],
                ["service", "list"], ["service", "show", "web"], ["backend", "list"], ["explain"] + flow,
                ["map", "verify", "-o", "json"], ["flow", "list", "-o", "json"], ["stats", "-o", "json"],
                ["service", "list", "-o", "json"], ["explain", "-o", "json"] + flow,
            ] {
                let output = try await lab.edge.output(look)
                #expect(output.status == 0 && !output.text.isEmpty, "\(look): \(output.errors)")
            }
            #expect(try await lab.edge.packets() == before, "looking changed the counters")
            #expect(try await lab.edge.output(["backend", "drain", "web", "web1"]).status == 4)

            try await lab.edge.damageFirstSlot()
            let damaged = try await lab.edge.output(["map", "verify"])
            #expect(damaged.status == 3)
            #expect(damaged.text.contains("1 difference"), "\(damaged.text)")
            try await lab.edge.start()
            let mended = try await lab.edge.output(["map", "verify"])
            #expect(mended.status == 0, "after a start: \(mended.text)")

            try await lab.edge.damageFirstSlot()
            let repair = try await lab.edge.output(["map", "verify", "--repair"])
            #expect(repair.status == 0, "\(repair.text)\(repair.errors)")
            #expect(repair.text.contains("slots"), "it does not say what it mended: \(repair.text)")
            let tally = try await lab.requests(300)
            #expect(tally.failed == 0, "\(tally)")
        }
    }
}

/// Counters only go up, whichever program counts.
private func expectNoLess(_ now: [String: UInt64], than before: [String: UInt64]) {
    for (reason, packets) in before {
        #expect((now[reason] ?? 0) >= packets, "\(reason) went from \(packets) to \(now[reason] ?? 0)")
    }
}
