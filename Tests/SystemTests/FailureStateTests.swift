// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// A second daemon, and a state directory that is not as this daemon left it.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl"))
struct FailureStateTests {
    private static let web = Service(backends: Service.webs(3))

    @Test func `a second daemon ends with one clear line, and the first one's traffic goes on`() async throws {
        try await Lab.with { lab in
            let edge = lab.edge
            try edge.configure([Self.web])
            try await edge.start()
            let program = try await edge.attachedProgram()
            let stream = try await lab.stream()

            // All the same: the state directory is held.
            let twin = try await edge.daemon()
            #expect(twin.status == 1 && twin.errors.contains("\(edge.state): held by process "), "\(twin)")

            // Another state, the same pins.
            let other = "\(edge.folder)/other"
            try await lab.shell("mkdir \(other); cp \(edge.folder)/*.yaml \(other)")
            let config = "\(other)/sluiced.yaml"
            try await lab.shell("sed -i 's|\(edge.folder)/|\(other)/|g; s|:9464|:9465|' \(config)")
            let beside = try await edge.daemon(config: config)
            #expect(beside.status == 1 && beside.errors.contains("another sluiced runs with these pins"), "\(beside)")

            // Other pins, the same interface, and even the leave to replace what is foreign: it is not taken away.
            try await lab.shell("sed -i 's|\(edge.pins)|\(edge.pins)-b, foreign: replace|' \(config)")
            try await lab.start("edge1", "rival", ["\(Lab.products)/sluiced", "--config", config])
            try await until("the second one is refused the interface") {
                try lab.log("rival").contains("another sluiced runs there")
            }
            #expect(try lab.log("rival").contains("attach to eth0: another sluiced runs there"))
            try await lab.stop("rival")

            #expect(try await edge.attachedProgram() == program)
            let tally = try await stream.finish()
            #expect(tally.failed == 0 && tally.requests > 0, "\(tally)")
        }
    }

    @Test func `a generation older than the one applied is refused, counted and overtaken`() async throws {
        try await Lab.with { lab in
            let edge = lab.edge
            let store = "\(edge.state)/store"
            try edge.configure([Self.web])
            try await edge.start()
            try await lab.shell("cp -r \(store) \(edge.folder)/older")
            try await edge.apply([Service(backends: Service.webs(2))])
            let applied = try #require(try await edge.status().generation)

            try await edge.stop()
            try await lab.shell("rm -r \(store); mv \(edge.folder)/older \(store)")
            let stream = try await lab.stream()
            try await edge.start()
            try await until("the older one is refused") { try await edge.refusals().refused == 1 }
            #expect(try edge.logged().contains("which this host has seen: refused"))
            try await until("the newer one is published again") {
                let now = try await edge.status()
                return now.pending == nil && now.problems.isEmpty && (now.generation?.number ?? 0) > applied.number
            }
            #expect(try await edge.backends()["web3"]?.state != "active", "the older generation is in force")
            let tally = try await stream.finish()
            #expect(tally.failed == 0, "\(tally)")
        }
    }

    @Test func `a state directory that others may write to is refused, and what runs goes on`() async throws {
        try await Lab.with { lab in
            let edge = lab.edge
            try edge.configure([Self.web])
            try await edge.start()
            try await edge.stop()
            let stream = try await lab.stream()
            for directory in [edge.state, "\(edge.state)/store"] {
                try await lab.shell("chmod 0777 \(directory)")
                let refused = try await edge.daemon()
                #expect(refused.status == 7, "\(refused)")
                #expect(refused.errors.contains("\(directory): others may write to it (mode 0777)"), "\(refused)")
                #expect(refused.errors.contains("chmod go-w \(directory)"), "\(refused)")
                try await lab.shell("chmod 0750 \(directory)")
            }
            try await edge.start()
            let tally = try await stream.finish()
            #expect(tally.failed == 0, "\(tally)")
        }
    }

    @Test func `a damaged state file is named, and what runs goes on`() async throws {
        try await Lab.with { lab in
            let edge = lab.edge
            try edge.configure([Self.web])
            try await edge.start()
            try await edge.stop()
            let stream = try await lab.stream()
            try await lab.shell("truncate -s 100 \(edge.state)/accepted.json")
            try await edge.start()
            #expect(try edge.logged().contains("\(edge.state)/accepted.json: half-written or damaged"))
            let tally = try await stream.finish()
            #expect(tally.failed == 0, "\(tally)")
        }
    }
}
