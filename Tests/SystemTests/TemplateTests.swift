// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// `sluicectl template` as a person and as systemd run it, with a real Consul.
@Suite(.requires("consul", "curl")) struct TemplateTests {
    /// A host's document with one template, `{{keys.greeting}}` into `out`, and its command.
    private struct Site {
        let server: ConsulServer
        let directory: TemporaryDirectory

        init() async throws {
            server = try ConsulServer()
            directory = try TemporaryDirectory()
            try directory.write("{{keys.greeting}} from {{host}}\n", to: "greeting.mustache")
            try directory.write(
                """
                host: edge-1
                interfaces: [eth0]
                directories: { state: \(directory.path)/state }
                discovery: { consul: { address: "\(server.address)" } }
                templates:
                  - name: greeting
                    source: { file: greeting.mustache }
                    keys: [greeting]
                    target: { file: \(directory.path)/out }
                    command: echo ran >> \(directory.path)/ran
                    wait: { min: 50ms }

                """, to: "sluiced.yaml")
            try await isReady()
        }

        func isReady() async throws {
            try await awaited("a leader") {
                try Shell.run("curl -s \(server.address)/v1/status/leader || true").contains(":")
            }
        }

        func put(_ value: String) throws {
            try Shell.run("curl -sf -X PUT -d '\(value)' \(server.address)/v1/kv/greeting")
        }

        func template(_ arguments: String...) async throws -> Command.Output {
            try await Command.output(
                ["\(Lab.products)/sluicectl", "template", "--config", "\(directory.path)/sluiced.yaml"] + arguments)
        }

        /// Empty where there is no such file.
        func content(_ name: String) throws -> String {
            try Shell.run("cat \(directory.path)/\(name) 2>/dev/null || true")
        }
    }

    @Test func `a template is listed, previewed, filled once and then unchanged`() async throws {
        let site = try await Site()
        try site.put("hello")
        let list = try await site.template()
        #expect(list.status == 0 && list.text.contains("greeting"), "\(list)")

        let preview = try await site.template("--dry-run")
        let first = "greeting: \(site.directory.path)/out: differs\nhello from edge-1\n"
        #expect(preview.status == 3 && preview.text == first, "\(preview)")
        #expect(try site.content("out") == "")

        let once = try await site.template("--once")
        #expect(once.status == 0 && once.text == "greeting: \(site.directory.path)/out: written\n", "\(once)")
        let again = try await site.template("--once")
        #expect(again.status == 0 && again.text == "greeting: \(site.directory.path)/out: unchanged\n", "\(again)")
        #expect(try site.content("ran") == "ran\n")
        #expect(try await site.template("--dry-run").status == 0)
    }

    @Test func `what is missing is named, with 4`() async throws {
        let site = try await Site()
        let once = try await site.template("--once", "--within", "1")
        #expect(
            once.status == 4 && once.errors.hasPrefix("greeting: waits for key greeting: there is none\n"), "\(once)")
        let name = try await site.template("greting")
        #expect(name.status == 1 && name.errors.hasPrefix("there is no template 'greting'; did you mean 'greeting'?"))
    }

    @Test func `changes are followed until it is told to end`() async throws {
        let site = try await Site()
        try site.put("one")
        let config = "\(site.directory.path)/sluiced.yaml"
        let process = try ServerProcess(
            "env", ["\(Lab.products)/sluicectl", "template", "--follow", "--config", config],
            log: site.directory.path + "/log")
        try await awaited("the first") { try site.content("out") == "one from edge-1\n" }
        try site.put("two")
        try await awaited("the second command") { try site.content("ran") == "ran\nran\n" }
        #expect(try site.content("out.bak") == "one from edge-1\n")
        let busy = try await site.template("--once")
        #expect(busy.status == 1 && busy.errors.contains("held by process \(process.pid)"), "\(busy)")
        try site.server.restart()
        try await site.isReady()
        try site.put("three")
        try await awaited("what Consul says after its restart") { try site.content("out") == "three from edge-1\n" }
        #expect(try site.content("out.bak") == "two from edge-1\n")
        process.end(SIGTERM)
    }
}
