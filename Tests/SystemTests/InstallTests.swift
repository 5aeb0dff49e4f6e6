// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// What `tools/install` puts on a machine, below a folder of the test's.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "strip", "python3", "curl"))
struct InstallTests {
    /// Where no compiler is found.
    private static let noPrograms = "PATH=/nonexistent"

    /// The folder that stands for `/`.
    private func install(in folder: String, _ options: String...) async throws -> String {
        let tree = "\(folder)/installed"
        try await Command.run(
            [Lab.tools + "/install", "--destdir", tree, "--products", Lab.products] + options, within: 300)
        return tree
    }

    @Test func `without a compiler the installed daemon steers and probes by prebuilt objects`() async throws {
        try await Lab.with { lab in
            let tree = try await install(in: lab.folder)
            let edge = lab.edge
            let health = "{ http: { path: /healthz }, interval: 200ms, timeout: 200ms, through-tunnel: true }"
            try edge.configure([Service(backends: Service.webs(2), health: health)])
            try edge.edit(replacing: "bpf: \(RepositoryRoot.path)/bpf", with: "bpf: \(tree)/usr/share/sluice/bpf")
            try edge.edit(replacing: "/\(lab.name)/cache", with: "/\(lab.name)/\(edge.name)/cache")
            try await lab.start(
                edge.name, "sluiced-\(edge.name)",
                [
                    "/usr/bin/env", "-u", "SLUICE_CLANG", Self.noPrograms, "\(tree)/usr/sbin/sluiced", "--config",
                    "\(edge.folder)/sluiced.yaml",
                ])
            try await until("it is ready") { try await edge.isReady }
            let tally = try await lab.requests(60, to: Lab.vip)
            #expect(tally.failed == 0, "\(tally)")
            let warnings = try await edge.status().warnings
            #expect(warnings.contains { $0.contains("prebuilt program: compile steer.bpf.c: no clang") }, "\(warnings)")
            #expect(try await edge.backends().values.allSatisfy { $0.state == "active" })
            #expect(try await edge.status().problems == [])
        }
    }

    @Test func `without a compiler an installed backend takes tunnels apart by the prebuilt object`() async throws {
        try await Lab.with(backends: 1) { lab in
            let tree = try await install(in: lab.folder)
            let decap = [
                "exec", "client", "/usr/bin/env", "-u", "SLUICE_CLANG", Self.noPrograms, "\(tree)/usr/sbin/sluiced",
                "decap", "--bpf-root", "/sys/fs/bpf/\(lab.name)/decap", "--sources", "\(tree)/usr/share/sluice/bpf",
            ]
            let said = try await lab.tool(decap + ["--interface", "eth0", "--cache", "\(lab.folder)/empty"])
            #expect(said.hasPrefix("eth0: strips tunnels from "), "\(said)")
            try await lab.tool(decap + ["--remove"])
        }
    }

    @Test func `an installation has all that a host needs, under the prefix it was told`() async throws {
        let folder = try TemporaryDirectory()
        let tree = try await install(in: folder.path, "--prefix", "/usr/local")
        let files = [
            "sbin/sluiced", "sbin/sluicectl", "lib/systemd/system/sluiced.service",
            "lib/systemd/system/sluice-templates.service", "lib/sysusers.d/sluice.conf",
            "share/sluice/bpf/steer.bpf.c", "share/sluice/bpf/include/dataplane.h", "share/sluice/bpf/steer.bpf.o",
            "share/sluice/bpf/steer-5.11.bpf.o", "share/sluice/bpf/steer-5.10.bpf.o", "share/sluice/bpf/decap.bpf.o",
            "share/sluice/bpf/probe.bpf.o", "share/bash-completion/completions/sluicectl",
            "share/zsh/site-functions/_sluicectl", "share/fish/vendor_completions.d/sluicectl.fish",
            "share/doc/sluice/examples/services.yaml",
        ]
        let missing = files.filter { !FileManager.default.fileExists(atPath: "\(tree)/usr/local/\($0)") }
        #expect(missing == [])
        let unit = try String(contentsOfFile: "\(tree)/usr/local/lib/systemd/system/sluiced.service", encoding: .utf8)
        #expect(unit.contains("\nExecStart=/usr/local/sbin/sluiced --config /etc/sluice/sluiced.yaml\n"))
        // A restart leaves the workers, and finds them.
        let kept = ["KillMode=process", "OOMPolicy=continue", "RuntimeDirectoryPreserve=yes"]
        #expect(kept.filter { !unit.contains("\n\($0)\n") } == [])
        let host = try String(contentsOfFile: "\(tree)/etc/sluice/sluiced.yaml", encoding: .utf8)
        #expect(host.contains("\ndirectories:\n") && host.contains("\n  bpf: /usr/local/share/sluice/bpf\n"))
        try await Command.run(["\(tree)/usr/local/sbin/sluicectl", "check", "\(tree)/etc/sluice/services.yaml"])
    }

    @Test func `a second installation leaves a host's documents as they are`() async throws {
        let folder = try TemporaryDirectory()
        let tree = try await install(in: folder.path)
        let document = "\(tree)/etc/sluice/services.yaml"
        try "services: []\n".write(toFile: document, atomically: true, encoding: .utf8)
        _ = try await install(in: folder.path)
        #expect(try String(contentsOfFile: document, encoding: .utf8) == "services: []\n")
    }
}
