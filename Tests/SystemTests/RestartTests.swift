// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Restarts and upgrades of the daemon under load: short and long connections that are relayed, HTTP/1.1 and HTTP/2
/// through a listener. `SLUICE_RESTARTS=10` is the full size.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl", "h2load"))
struct RestartTests {
    private static let rounds = ProcessInfo.processInfo.environment["SLUICE_RESTARTS"].flatMap { Int($0) } ?? 3
    private static let port = 81

    /// `web` is relayed, a listener's routes lead to `pages`.
    private static func start(in lab: Lab) async throws {
        var pages = Service(name: "pages", port: 8080, forward: "sockets", backends: Service.webs(3))
        pages.backendPort = 80
        let services = [Service(forward: "sockets", backends: Service.webs(3), health: Service.healthz), pages]
        let document =
            Service.document(services) + "listeners:\n"
            + "  - { name: front, address: \(Lab.vip), port: \(port), protocol: http }\n"
            + "routes:\n  - { listener: front, service: pages }\n"
        try await lab.run("edge1", "ip", "address", "add", "\(Lab.vip)/32", "dev", "lo")
        try lab.edge.configure(services, workers: 2)
        try lab.edge.write(document, to: "services.yaml")
        try await lab.edge.start()
    }

    /// 100 MB in about ten seconds, each by one way.
    private static let longStreams = [
        "relayed": "http://\(Lab.vip)/100MB", "http1": "--http1.1 http://\(Lab.vip):\(port)/100MB",
        "http2": "--http2-prior-knowledge http://\(Lab.vip):\(port)/100MB",
    ]

    private static func startLong(in lab: Lab) async throws {
        for (word, target) in longStreams {
            let curl = "curl -sS --max-time 300 --limit-rate 10M -o /dev/null -w '%{http_code} %{size_download}\\n'"
            try await lab.start("client", "long-\(word)", ["sh", "-c", "\(curl) \(target) 2>&1"])
        }
    }

    private static func expectLongWhole(in lab: Lab) async throws {
        for word in longStreams.keys {
            try await until("the long stream \(word) ends", within: .seconds(300)) {
                try lab.log("long-\(word)").hasSuffix("\n")
            }
            #expect(try lab.log("long-\(word)") == "200 100000000\n", "\(word)")
        }
    }

    /// Short connections through the listener, and h2load again and again, until the file `stop` is there.
    private static func startLoad(in lab: Lab) async throws -> (requests: [Traffic], held: Traffic) {
        let script = "\(Lab.tools)/lab-traffic"
        try await lab.start(
            "client", "http", [script, "requests", Lab.vip, "\(port)", "--concurrency", "4", "--pause", "0.01"])
        let load = "h2load -n 1000 -c 2 -m 8 http://\(Lab.vip):\(port)/"
        let loop = "while [ ! -e \(lab.folder)/stop ]; do \(load) || echo FAILED; done; echo over"
        try await lab.start("client", "h2load", ["sh", "-c", loop])
        // By HTTP/2 and a connection a request: what a client does that begins anew when it is told to go away.
        let curl = "curl -sS --max-time 20 --http2-prior-knowledge http://\(Lab.vip):\(port)/"
        let curls = "while [ ! -e \(lab.folder)/stop ]; do \(curl) || echo FAILED; done; echo over"
        try await lab.start("client", "http2", ["sh", "-c", "\(curls) 2>&1"])
        return (
            [try await lab.stream("relayed"), Traffic(lab: lab, word: "http")], try await lab.hold(40, pause: 0.2)
        )
    }

    /// - Parameter stays: nobody is told to go away.
    private static func expectUnharmed(
        _ load: (requests: [Traffic], held: Traffic), stays: Bool, in lab: Lab
    ) async throws {
        try await lab.shell("touch \(lab.folder)/stop")
        for word in ["h2load", "http2"] {
            try await until("\(word) is over") { try lab.log(word).hasSuffix("over\n") }
        }
        for traffic in load.requests {
            let tally = try await traffic.finish()
            #expect(tally.failed == 0 && tally.requests > 50, "\(traffic.word): \(tally)")
            print("\(lab.name) \(traffic.word): \(tally)")
        }
        let held = try await load.held.finish()
        #expect(held.kept == 40 && held.failed == 0, "\(held)")
        let curls = try lab.log("http2").split(separator: "\n").dropLast()
        #expect(
            curls.count > 10 && curls.allSatisfy { $0.hasPrefix("web") }, "\(curls.filter { !$0.hasPrefix("web") })")
        print("\(lab.name) http2: \(curls.count) requests, \(held)")
        try expectMultiplexed(stays, in: lab)
    }

    /// h2load begins no other connection when it is told to go away: what it had left to ask it counts as failed. No
    /// answer is missing or wrong but by that.
    private static func expectMultiplexed(_ stays: Bool, in lab: Lab) throws {
        let log = try lab.log("h2load")
        let lines = log.split(separator: "\n")
        let runs = lines.filter { $0.hasPrefix("requests: ") }
        let whole = runs.count { $0.contains(" 1000 succeeded, 0 failed, 0 errored") }
        #expect(!runs.isEmpty && !log.contains("FAILED"))
        #expect(runs.count - whole <= (stays ? 0 : rounds), "\(runs)")
        #expect(runs.allSatisfy { $0.hasSuffix(" 0 timeout") })
        let codes = lines.filter { $0.hasPrefix("status codes: ") }
        #expect(codes.allSatisfy { $0.hasSuffix(" 0 3xx, 0 4xx, 0 5xx") }, "\(codes)")
        print("\(lab.name) h2load: \(whole) of \(runs.count) runs of 1000 requests whole")
    }

    @Test func `restarts under load refuse and reset nothing, and long streams finish`() async throws {
        try await Lab.with { lab in
            try await Self.start(in: lab)
            let load = try await Self.startLoad(in: lab)
            try await Self.startLong(in: lab)
            let workers = try await lab.workers()
            for round in 0..<Self.rounds {
                try await lab.edge.stop(round % 3 == 1 ? "KILL" : "TERM")
                try await lab.edge.start()
            }
            #expect(try await lab.workers() == workers && workers.count == 2)
            try await Self.expectUnharmed(load, stays: true, in: lab)
            try await Self.expectLongWhole(in: lab)
        }
    }

    @Test func `upgrades under load refuse and reset nothing, and long streams finish`() async throws {
        try await Lab.with { lab in
            try await Self.start(in: lab)
            let load = try await Self.startLoad(in: lab)
            try await Self.startLong(in: lab)
            for round in 0..<Self.rounds {
                let program = "\(lab.edge.folder)/sluiced-\(round)"
                // By another process: a file that this one writes is busy while any child is born with it open.
                try await Command.run(["cp", "\(Lab.products)/sluiced", program])
                let before = try await lab.workers()
                try await lab.edge.stop()
                try await lab.edge.start(program: program)
                try await until("new workers run") { try await Set(lab.workers()).subtracting(before).count == 2 }
            }
            try await Self.expectUnharmed(load, stays: false, in: lab)
            try await Self.expectLongWhole(in: lab)
            try await until("the old workers have finished") { try await lab.workers().count == 2 }
        }
    }
}
