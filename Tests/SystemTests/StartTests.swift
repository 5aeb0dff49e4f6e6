// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// What the daemon does before it serves, and the codes it ends with where it cannot.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl", "setpriv"))
struct StartTests {
    @Test func `a reload asked for while the daemon starts ends nothing, and is answered once it is up`() async throws {
        try await Lab.with(backends: 1) { lab in
            try lab.edge.configure([Service(backends: Service.webs(1))])
            try await lab.edge.launch()
            let process = try lab.edge.process()
            try await until("it has begun") { try Self.catchesHangup(process) }
            try await Command.run(["kill", "-HUP", process])
            try await until("it is ready") { try await lab.edge.isReady }
            try await until("the reload is answered") { try lab.edge.logged().contains("reload asked for") }
            #expect(lab.edge.isAlive)
        }
    }

    /// Whether the process has a handler for SIGHUP, which the first bit of the mask stands for.
    private static func catchesHangup(_ process: String) throws -> Bool {
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        guard let mask = status.firstMatch(of: /SigCgt:\s*([0-9a-f]+)/)?.output.1 else { return false }
        return UInt64(mask, radix: 16).map { $0 & 1 == 1 } ?? false
    }

    @Test func `the capabilities that the systemd unit leaves are enough to start and steer`() async throws {
        let unit = try String(contentsOfFile: "\(Lab.tools)/packaging/sluiced.service", encoding: .utf8)
        let granted = try #require(unit.firstMatch(of: #/\nCapabilityBoundingSet=(.+)\n/#)?.output.1)
        let set = granted.split(separator: " ").map { $0.lowercased().replacing("cap_", with: "+") }
        try await Lab.with(backends: 1) { lab in
            let edge = lab.edge
            let health = "{ http: { path: /healthz }, interval: 200ms, timeout: 200ms, through-tunnel: true }"
            try edge.configure([Service(backends: Service.webs(1), health: health)])
            try await lab.start(
                edge.name, "sluiced-\(edge.name)",
                ["setpriv", "--bounding-set", "-all,\(set.joined(separator: ","))", "\(Lab.products)/sluiced"]
                    + ["--config", "\(edge.folder)/sluiced.yaml"])
            try await until("it is ready") {
                guard edge.isAlive else { throw SystemError("start sluiced", cause: edge.lastWords) }
                return try await edge.isReady
            }
            let tally = try await lab.requests(20)
            #expect(tally.failed == 0, "\(tally)")
            #expect(try await edge.status().warnings == [])
        }
    }

    @Test func `what keeps the program from its work has its exit code`() async throws {
        let program = "\(Lab.products)/sluiced"
        let nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        let rows: [(words: [String], status: Int32, line: String)] = [
            (nobody + [program], 7, "needs root to begin with"),
            (nobody + [program, "decap", "-i", "lo"], 7, "needs root to begin with"),
            ([program, "--confg", "x"], 2, "Did you mean '--config'?"),
            ([program, "--config", "/nowhere.yaml"], 1, "/nowhere.yaml: cannot be read"),
            ([program, "decap", "-i", "nowhere0"], 2, "there is no interface nowhere0"),
            ([program, "decap"], 2, "name the interfaces where tunnels come in"),
        ]
        for row in rows {
            let output = try await Command.output(row.words)
            #expect(output.status == row.status && output.errors.contains(row.line), "\(row.words): \(output)")
        }
    }
}
