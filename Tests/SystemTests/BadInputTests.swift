// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// Documents that are wrong: each gets a clear line with its place, and what runs goes on.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl"))
struct BadInputTests {
    /// What is wrong with a services document, and what is said of it.
    private struct Row {
        var name: String
        var text: String
        var line: String
    }

    private static let web = Service(backends: Service.webs(3))
    private static let good = Service.document([web])

    private static let rows = [
        Row(
            name: "an unknown key", text: good.replacing("forward:", with: "forwrd:"),
            line: "services.yaml:4:5: unknown key 'forwrd' in a service; did you mean 'forward'?"),
        Row(
            name: "a wrong type", text: good.replacing("port: 80", with: "port: eighty"),
            line: "port: expected 'any' or a port from 1 to 65535, found 'eighty'"),
        Row(
            name: "one VIP twice",
            text: Service.document([web, Service(name: "other", backends: Service.webs(1))]),
            line: "services 'web' and 'other' share the VIP 10.9.9.9:80/tcp"),
        Row(
            name: "families mixed", text: Service.document([Service(vip: Lab.vip6, backends: Service.webs(1))]),
            line: "10.3.0.21 is IPv4 and the VIP is IPv6: ipip needs an IPv6 backend"),
        Row(
            name: "weight 0 everywhere", text: good.replacing("weight: 1", with: "weight: 0"),
            line: "every backend has weight 0"),
        Row(
            name: "a table of another size",
            text: Service.document([Service(backends: web.backends, more: ["table-size: 1000"])]),
            line: "table-size: expected 4099, 16381 or 65537, found 1000"),
        Row(name: "cut in the middle", text: String(good.prefix(good.count / 2)), line: "services.yaml:"),
        Row(name: "cut at once", text: "", line: "the document is empty"),
        Row(
            name: "a route to an unknown service", text: good + "routes: [ { service: wbe } ]\n",
            line: "there is no service 'wbe'; did you mean 'web'?"),
        Row(
            name: "more services than the maps hold", text: many(services: 513, backends: 1, tableSize: 4_099),
            line: "more than 512 services, which the maps hold"),
        Row(
            name: "more backends than the maps hold", text: many(services: 9, backends: 4_000, tableSize: 4_099),
            line: "more than 32767 backends, which the maps hold"),
        Row(
            name: "more slots than the maps hold", text: many(services: 200, backends: 1, tableSize: 65_537),
            line: "slots in all tables, which the maps hold"),
        Row(
            name: "more prefixes than the maps hold",
            text: Service.document([Service(backends: web.backends, more: ["deny: [ \(prefixes(65_537)) ]"])]),
            line: "more than 65536 prefixes to allow or deny, which the maps hold"),
    ]

    private static func prefixes(_ count: Int) -> String {
        (0..<count).map { "11.\($0 >> 16).\($0 >> 8 & 0xff).\($0 & 0xff)/32" }.joined(separator: ", ")
    }

    private static func many(services: Int, backends: Int, tableSize: Int) -> String {
        let list = (0..<backends).map { "{ name: b\($0), address: 10.64.\($0 / 250).\($0 % 250 + 1) }" }
        return "services:\n"
            + (0..<services).map {
                "  - { name: s\($0), vip: { address: 10.9.\($0 / 250).\($0 % 250 + 1), port: 80, protocol: tcp }, "
                    + "table-size: \(tableSize), backends: { static: [ \(list.joined(separator: ", ")) ] } }\n"
            }.joined()
    }

    @Test func `a bad services document is refused with its place, and what runs goes on`() async throws {
        try await Lab.with { lab in
            let edge = lab.edge
            try edge.configure([Self.web])
            try await edge.start()
            let before = try await edge.status().generation?.digest
            let stream = try await lab.stream()
            for row in Self.rows { try await isRefused(row, by: edge) }
            try await cannotBeRead(edge, in: lab)

            let kept = try await edge.status()
            #expect(kept.generation?.digest == before && kept.pending == nil)
            try await edge.apply([Service(backends: Service.webs(2))])
            #expect(try await edge.status().problems.isEmpty)
            let tally = try await stream.finish()
            #expect(tally.failed == 0 && tally.requests > 0, "\(tally)")
        }
    }

    private func isRefused(_ row: Row, by edge: Edge) async throws {
        try edge.write(row.text, to: "services.yaml")
        let check = try await edge.output(["check", "\(edge.folder)/services.yaml"])
        #expect(check.status == 1 && check.errors.contains(row.line), "\(row.name): \(check)")
        #expect(check.errors.contains("; nothing was changed"), "\(row.name): \(check)")
        let answer = try await edge.reloadAnswer()
        #expect(answer.contains(row.line), "\(row.name): \(answer.prefix(500))")
        #expect(answer.contains(#""exitCode":1"#), "\(row.name): \(answer.prefix(500))")
        let status = try await edge.status()
        #expect(status.problems.contains { $0.contains(row.line) }, "\(row.name): \(status.problems)")
    }

    /// The daemon, which kept few of root's capabilities, finds a file that it may not read, and then none.
    private func cannotBeRead(_ edge: Edge, in lab: Lab) async throws {
        let file = "\(edge.folder)/services.yaml"
        try edge.write(Self.good, to: "services.yaml")
        try await lab.shell("chmod 0 \(file)")
        #expect(try await edge.reloadAnswer().contains("services.yaml: cannot be read: Permission denied"))
        try await lab.shell("rm \(file)")
        #expect(try await edge.reloadAnswer().contains("services.yaml: cannot be read: No such file or directory"))
        // Nobody asks: the daemon sees it by itself.
        try await until("the log names it") { try edge.logged().contains("cannot be read: No such file or directory") }
        let check = try await edge.output(["check", file])
        #expect(check.status == 1 && check.errors.contains("cannot be read"), "\(check)")
    }

    @Test func `a bad host document keeps the daemon from starting, with its place and status 1`() async throws {
        try await Lab.with(backends: 1) { lab in
            let edge = lab.edge
            let rows: [(old: String, new: String, line: String)] = [
                (
                    "interfaces:", "interface:",
                    "unknown key 'interface' in the host's document; did you mean 'interfaces'?"
                ),
                ("[eth0]", "[]", "at least one interface is needed"),
                ("[eth0]", "{ eth0: 1 }", "sluiced.yaml:2:"),
                ("172.16.0.0/16", "172.16.0.0/33", "source-prefix"),
                ("admin: {", "admin: [", "not YAML"),
            ]
            for row in rows {
                try edge.configure([Service(backends: Service.webs(1))])
                try edge.edit(replacing: row.old, with: row.new)
                let refused = try await edge.daemon()
                #expect(refused.status == 1 && refused.errors.contains(row.line), "\(row.new): \(refused)")
            }
            let missing = try await edge.daemon(config: "\(edge.folder)/none.yaml")
            #expect(missing.status == 1 && missing.errors.contains("none.yaml: cannot be read"), "\(missing)")
            let misused = try await edge.output(["check"])
            #expect(misused.status == 2 && misused.errors.contains("Usage: sluicectl check"), "\(misused)")
            #expect(try await edge.attachedProgram() == nil)
        }
    }
}
