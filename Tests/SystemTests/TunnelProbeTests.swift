// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Health checks that go the way of the balanced packets, where a web server answers but takes no tunnel apart.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl", "bpftool"))
struct TunnelProbeTests {
    private static let pace = "interval: 200ms, timeout: 200ms, rise: 2, fall: 3"

    /// By TCP and HTTP, to VIPs of both families, in every tunnel that carries them.
    private let services = [
        service("tcp4", "10.9.9.9", "tcp: {}"),
        service("http4", "10.9.9.10", "http: { path: /healthz }", forward: "gue"),
        service("tcp6", "2001:db8:9::9", "tcp: {}", family: 6),
        service("http6", "2001:db8:9::a", "http: { path: /healthz }", family: 6),
        service("gue6", "2001:db8:9::b", "tcp: {}", forward: "gue", family: 6),
        service("direct", "10.9.9.11", "http: { path: /healthz }", throughTunnel: false),
    ]

    private static func service(
        _ name: String, _ vip: String, _ probe: String, forward: String = "ipip", family: Int = 4,
        throughTunnel: Bool = true
    ) -> Service {
        Service(
            name: name, vip: vip, forward: forward, backends: Service.webs(3, family: family),
            health: "{ \(probe), \(pace), through-tunnel: \(throughTunnel) }")
    }

    @Test(arguments: ["routed", "flat", "two-armed"])
    func `a backend that takes no tunnel apart is down though its own address answers`(fabric: String) async throws {
        try await Lab.with(fabric: fabric) { lab in
            try await decapsulate("web2", false, in: lab)
            try lab.edge.configure(services, interfaces: fabric == "two-armed" ? ["eth0", "eth1"] : ["eth0"])
            try await lab.edge.start()
            try await until("web2 is down") { try await down(lab) == expected }
            // Nothing else is, after more probes than make a backend down.
            try await probed(["web1", "web3"], in: lab)
            #expect(try await down(lab) == expected)

            try await decapsulate("web2", true, in: lab)
            try await until("web2 is up again") { try await down(lab) == [] }
        }
    }

    private let expected: Set = ["tcp4/web2", "http4/web2", "tcp6/web2", "http6/web2", "gue6/web2"]

    @Test func `the next daemon goes on probing through the tunnel, and what was down stays down`() async throws {
        try await Lab.with { lab in
            try await decapsulate("web2", false, in: lab)
            try lab.edge.configure(services)
            try await lab.edge.start()
            try await until("web2 is down") { try await down(lab) == expected }
            try await lab.edge.kill()
            try await lab.edge.start()
            #expect(try await down(lab) == expected)
            try await probed(["web1", "web3"], in: lab)
            #expect(try await down(lab) == expected)
            #expect(try await pins(lab) == ["eth0", "lo"])
        }
    }

    @Test func `without a check through the tunnel its program goes, and uninstalling leaves nothing`() async throws {
        try await Lab.with { lab in
            try lab.edge.configure(services)
            try await lab.edge.start()
            #expect(try await pins(lab) == ["eth0", "lo"])
            try await lab.edge.apply(services.filter { $0.name == "direct" })
            #expect(try await pins(lab) == [])
            try await lab.edge.apply(services)
            #expect(try await pins(lab) == ["eth0", "lo"])
            try await lab.edge.stop()
            try await lab.edge.ctl("uninstall", "--yes")
            #expect(try await lab.run("edge1", "bpftool", "net", "show").contains("probe") == false)
        }
    }

    @Test func `an interface that comes later gets the program too`() async throws {
        try await Lab.with { lab in
            try lab.edge.configure(services)
            try await lab.edge.start()
            try await lab.run("edge1", "ip", "link", "add", "late0.1", "type", "veth", "peer", "name", "late1")
            try await until("it is attached to") { try await pins(lab) == ["eth0", "late0%2e1", "late1", "lo"] }
            try await lab.run("edge1", "ip", "link", "del", "late1")
            try await until("it is forgotten") { try await pins(lab) == ["eth0", "lo"] }
            #expect(try await down(lab) == [])
        }
    }

    @Test func `without the program checks go to the backends' own addresses, until it can be had`()
        async throws
    {
        try await Lab.with { lab in
            try await decapsulate("web2", false, in: lab)
            let sources = "\(lab.folder)/bpf"
            // Never a link to the real folder: what is left out there would be deleted.
            try await Command.run(["cp", "-rL", "\(RepositoryRoot.path)/bpf", sources])
            try FileManager.default.moveItem(atPath: "\(sources)/probe.bpf.c", toPath: "\(sources)/elsewhere.c")
            try lab.edge.configure(services)
            let configuration = try String(contentsOfFile: "\(lab.edge.folder)/sluiced.yaml", encoding: .utf8)
            try lab.edge.write(
                configuration.replacing("\(RepositoryRoot.path)/bpf", with: sources), to: "sluiced.yaml")
            try await lab.edge.start()
            try await probed(["web1", "web2", "web3"], in: lab)
            #expect(try await down(lab) == [])
            let warnings = try await lab.edge.status().warnings
            #expect(
                warnings.contains { $0.hasPrefix("health checks go to the backends' own addresses") }, "\(warnings)")

            // Nothing is applied and no interface changes: it is tried again by itself.
            try FileManager.default.moveItem(atPath: "\(sources)/elsewhere.c", toPath: "\(sources)/probe.bpf.c")
            try await until("web2 is down", within: .seconds(60)) { try await down(lab) == expected }
            try await until("the warning is gone") { try await lab.edge.status().warnings.isEmpty }
        }
    }

    @Test func `a socket of the edge's own on the VIP answers no probe`() async throws {
        try await Lab.with { lab in
            for web in ["web1", "web2", "web3"] { try await decapsulate(web, false, in: lab) }
            try await lab.run("edge1", "ip", "addr", "add", "10.9.9.9/32", "dev", "lo")
            try await lab.start("edge1", "answers", ["python3", "-m", "http.server", "80", "--bind", "10.9.9.9"])
            try lab.edge.configure(services.filter { $0.name == "tcp4" })
            try await lab.edge.start()
            try await until("all are down") { try await down(lab).count == 3 }
        }
    }

    /// Waits until these web servers have answered five more probes of each service, two more than make one down.
    private func probed(_ nodes: [String], in lab: Lab) async throws {
        for node in nodes {
            let before = try await connectionsTaken(by: node, in: lab)
            try await until("\(node) is probed five times more") {
                try await connectionsTaken(by: node, in: lab) >= before + 5 * services.count
            }
        }
    }

    /// `PassiveOpens` of the host, where nobody but probes connects.
    private func connectionsTaken(by node: String, in lab: Lab) async throws -> Int {
        let lines = try await lab.run(node, "cat", "/proc/net/snmp").split(separator: "\n")
            .filter { $0.hasPrefix("Tcp: ") }.map { $0.split(separator: " ") }
        let column = try #require(lines.first?.firstIndex(of: "PassiveOpens"))
        return try #require(lines.last.flatMap { Int($0[column]) })
    }

    /// Makes a web server take tunnels apart, or not.
    private func decapsulate(_ node: String, _ wanted: Bool, in lab: Lab) async throws {
        if wanted {
            let program = "/sys/fs/bpf/\(lab.name)/\(node)/decap"
            try await lab.run(node, "bpftool", "net", "attach", "xdpdrv", "pinned", program, "dev", "eth0")
        } else {
            try await lab.run(node, "bpftool", "net", "detach", "xdpdrv", "dev", "eth0")
        }
    }

    /// `service/backend` of all that the edge's probes see down.
    private func down(_ lab: Lab) async throws -> Set<String> {
        let rows = try await lab.edge.ctl("backend", "list", as: [Edge.BackendRow].self)
        return Set(rows.filter { $0.state == "down" }.map { "\($0.service)/\($0.backend)" })
    }

    /// Interfaces that have the program, as their pins' names.
    private func pins(_ lab: Lab) async throws -> [String] {
        let folder = "\(lab.edge.pins)/probe/links"
        let output = try await Command.output(["ls", folder])
        return output.text.split(separator: "\n").map { String($0) }
    }
}
