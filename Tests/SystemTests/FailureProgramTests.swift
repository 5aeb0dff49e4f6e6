// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// What keeps a program from coming into the kernel; what is there goes on.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl"))
struct FailureProgramTests {
    private static let web = Service(backends: Service.webs(3))
    /// Asks for a program that can do more than `web` needs.
    private static let more = Service(name: "gue6", vip: Lab.vip6, forward: "gue", backends: Service.webs(3, family: 6))
    private static let noClang = "SLUICE_CLANG=/nonexistent/clang"

    @Test func `without a compiler the prebuilt object serves, and its reason is told`() async throws {
        try await Lab.with { lab in
            try lab.edge.configure([Self.web, Self.more])
            let sources = try lab.edge.copySources()
            try await lab.shell("bash -c '. \(Lab.tools)/shell.sh; cd \(sources); compile_bpf steer.bpf.c steer.bpf.o'")
            try await lab.edge.launch(with: Self.noClang)
            try await until("it is ready") { try await lab.edge.isReady }
            for vip in [Lab.vip, Lab.vip6] {
                let tally = try await lab.requests(60, to: vip)
                #expect(tally.failed == 0, "\(vip): \(tally)")
            }
            let warnings = try await lab.edge.status().warnings.joined(separator: "\n")
            #expect(warnings.contains("prebuilt program: ") && warnings.contains("/nonexistent/clang"), "\(warnings)")
            #expect(try lab.edge.logged().contains("prebuilt: IPv4, IPv6"))
        }
    }

    @Test func `without a compiler and an object what runs goes on, and a start says what is missing`() async throws {
        try await Lab.with { lab in
            let edge = lab.edge
            try edge.configure([Self.web])
            _ = try edge.copySources()
            try await edge.start()
            try await edge.stop()
            try edge.edit(replacing: "/\(edge.name)/cache", with: "/\(edge.name)/empty")
            try await edge.launch(with: Self.noClang)
            try await until("it is ready again, with the program that is there") { try await edge.isReady }

            try await Self.isRefused(
                Self.more, in: lab, because: "compile steer.bpf.c: SLUICE_CLANG names /nonexistent")

            try await edge.stop()
            try await edge.ctl("uninstall", "--yes")
            let lines = try edge.logged().split(separator: "\n").count
            try await edge.launch(with: Self.noClang)
            try await until("it says what is missing") {
                try edge.logged().split(separator: "\n").dropFirst(lines).contains { $0.contains("/nonexistent/clang") }
            }
            try await until("it answers") { try await edge.answers }
            let status = try await edge.status()
            #expect(status.generation == nil && status.interfaces.isEmpty)
            #expect(status.problems.contains { $0.contains("compile steer.bpf.c") }, "\(status.problems)")
            #expect(try await edge.attachedProgram() == nil)
        }
    }

    @Test func `a program that the verifier refuses changes nothing, and its decisive line is shown`() async throws {
        try await Lab.with { lab in
            let edge = lab.edge
            try edge.configure([Self.web])
            let sources = try edge.copySources()
            try await edge.start()
            try await edge.stop()
            try edge.breakProgram(in: sources)
            try await edge.start()
            try await Self.isRefused(Self.more, in: lab, because: "load program steer: ", "pkt_end")
            #expect(try await edge.output(["map", "verify"]).status == 0)
        }
    }

    /// A generation that needs another program stays pending while that cannot be had; the one before it stays in
    /// force, and one that can be had is applied as soon as it is asked for.
    private static func isRefused(_ service: Service, in lab: Lab, because causes: String...) async throws {
        let edge = lab.edge
        let program = try await edge.attachedProgram()
        let before = try await edge.status().generation?.digest
        let stream = try await lab.stream()
        try edge.write(Service.document([web, service]), to: "services.yaml")
        _ = try await edge.reloadAnswer()
        try await until("the generation is not applied") {
            let problems = try await edge.status().problems.joined()
            return causes.allSatisfy { problems.contains($0) }
        }
        let status = try await edge.status()
        #expect(status.pending != nil && status.generation?.digest == before)
        #expect(try await edge.attachedProgram() == program, "the interface runs another program")
        for cause in causes { #expect(try edge.logged().contains(cause)) }

        try edge.write(Service.document([web]), to: "services.yaml")
        _ = try await edge.reloadAnswer()
        try await until("the generation without it is applied") {
            let status = try await edge.status()
            return status.pending == nil && status.problems.isEmpty
        }
        let tally = try await stream.finish()
        #expect(tally.failed == 0 && tally.requests > 0, "\(tally)")
    }
}
