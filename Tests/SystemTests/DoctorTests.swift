// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// `sluicectl doctor` on a host with something wrong: it names the cause, and what it says to type mends it.
@Suite(
    .serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl", "bpftool", "ping", "ethtool"))
struct DoctorTests {
    private struct Trouble {
        var name: String
        /// Where it is done, and what.
        var damage: (node: String, line: String)
        /// In a finding's subject and text.
        var cause: String
        /// As the finding prints them.
        var commands: [String]
        /// Where they are to be typed.
        var node = "edge1"
        /// What stands for the words that a person has to fill in, or adds what only the lab needs.
        var filling: [String: String] = [:]
        /// What nobody but the owner of another host can do, before the commands.
        var elsewhere: (node: String, line: String)?
    }

    private static let health =
        "{ http: { path: /healthz }, interval: 200ms, timeout: 200ms, rise: 2, fall: 3, through-tunnel: true }"

    @Test func `the doctor names what is wrong, and is silent when what it says was typed`() async throws {
        try await Lab.with { lab in
            try lab.edge.configure([Service(backends: Service.webs(3), health: Self.health)])
            try await lab.edge.start()
            try await isSilent(lab, "before anything is wrong")
            for trouble in troubles(in: lab) {
                try await type(trouble.damage.line, on: trouble.damage.node, in: lab)
                let remedy = try await remedy(of: trouble, in: lab)
                for command in trouble.commands {
                    #expect(remedy.contains { $0.contains(command) }, "\(trouble.name): '\(command)' not in \(remedy)")
                }
                if let elsewhere = trouble.elsewhere { try await type(elsewhere.line, on: elsewhere.node, in: lab) }
                for command in trouble.commands {
                    let filled = trouble.filling.reduce(command) { $0.replacing($1.key, with: $1.value) }
                    try await type(filled, on: trouble.node, in: lab)
                }
                try await isSilent(lab, "after: \(trouble.name)")
            }
            let tally = try await lab.requests(100)
            #expect(tally.failed == 0 && tally.backends.count == 3, "all is mended, and yet \(tally)")
        }
    }

    private func troubles(in lab: Lab) -> [Trouble] {
        let decap = "sluiced decap --interface eth0"
        let pins = "/sys/fs/bpf/\(lab.name)/web2"
        return [
            Trouble(
                name: "no route to the backends",
                damage: ("edge1", "ip route add 10.9.9.9/32 via 10.2.0.254; ip route delete default"),
                cause: "web/web1, web2 and web3: no next hop, so their packets are dropped: no route leads there",
                commands: (21...23).map { "ip route add 10.3.0.\($0) via ROUTER" },
                filling: ["ROUTER": "10.2.0.254"]),
            Trouble(
                name: "no route to the VIP", damage: ("edge1", "ip route delete 10.9.9.9/32"),
                cause: "web: its probes through the tunnel never leave: no route of this host leads to 10.9.9.9",
                commands: ["ip route add 10.9.9.9/32 via ROUTER"], filling: ["ROUTER": "10.2.0.254"]),
            Trouble(
                name: "a router that does not answer",
                damage: ("router", "ip link set front arp off; ip -n \(lab.name)-edge1 neigh flush dev eth0"),
                cause: "nobody answers for 10.2.0.254 on eth0",
                commands: ["ping -c 3 -I eth0 10.2.0.254; ip neighbour show to 10.2.0.254"],
                elsewhere: ("router", "ip link set front arp on")),
            Trouble(
                name: "a strict rp_filter", damage: ("edge1", "sysctl -qw net.ipv4.conf.eth0.rp_filter=1"),
                cause: "eth0: rp_filter is 1 (strict)", commands: ["sysctl -w net.ipv4.conf.eth0.rp_filter=2"]),
            Trouble(
                name: "the VIP on the edge", damage: ("edge1", "ip address add 10.9.9.9/32 dev lo"),
                cause: "web: its probes through the tunnel never leave: 10.9.9.9 is on lo of this host",
                commands: ["ip address delete 10.9.9.9/32 dev lo"]),
            Trouble(
                name: "a backend that takes no tunnel apart",
                damage: ("web2", "bpftool net detach xdpdrv dev eth0"),
                cause: "web/web2 (10.3.0.22): answers on its own address, not through the tunnel", commands: [decap],
                node: "web2",
                filling: [
                    decap: "\(Lab.products)/\(decap) --bpf-root \(pins)/own --sources \(RepositoryRoot.path)/bpf "
                        + "--cache \(lab.folder)/cache"
                ]),
            Trouble(
                name: "a fabric without room for the tunnel", damage: ("edge1", "ip link set eth0 mtu 1500"),
                cause: "a client packet of 1500 bytes is 1520 after IPIP and does not fit eth0 (1500)",
                commands: ["ip link set dev eth0 mtu 1520"]),
            Trouble(
                name: "offloads", damage: ("edge1", "ethtool -K eth0 gro on"), cause: "eth0 (veth): gro on",
                commands: ["ethtool -K eth0 gro off"]),
            Trouble(
                name: "packets that go round and round",
                damage: ("edge1", "ip route add default via 10.2.0.254; sysctl -qw net.ipv4.ip_forward=1"),
                cause: "ip_forward: on, and 10.9.9.9 is not on this host",
                commands: ["sysctl -w net.ipv4.ip_forward=0"]),
        ]
    }

    private func type(_ line: String, on node: String, in lab: Lab) async throws {
        try await lab.run(node, "/bin/sh", "-euc", line)
    }

    // MARK: What it says

    private struct Report: Decodable {
        struct Finding: Decodable, CustomStringConvertible {
            var level: String
            var subject: String
            var text: String
            var remedy: [String]

            var isTrouble: Bool { level == "warning" || level == "failure" }
            var description: String { "\(level) \(subject): \(text)" }
        }

        var findings: [Finding]
    }

    private func findings(in lab: Lab) async throws -> (status: Int32, troubles: [Report.Finding]) {
        let output = try await lab.edge.output(["doctor", "-o", "json"])
        return (output.status, try JSON.read(output.text, as: Report.self).findings.filter(\.isTrouble))
    }

    /// Probes need their time to see it.
    private func remedy(of trouble: Trouble, in lab: Lab) async throws -> [String] {
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            let (status, said) = try await findings(in: lab)
            if let found = said.first(where: { "\($0.subject): \($0.text)".contains(trouble.cause) }) {
                #expect(status == (said.contains { $0.level == "failure" } ? 1 : 0), "\(trouble.name): \(said)")
                return found.remedy
            }
            guard ContinuousClock.now < deadline else {
                throw SystemError(trouble.name, cause: "the doctor does not name it; it says \(said)")
            }
        }
    }

    private func isSilent(_ lab: Lab, _ time: String) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            let (status, said) = try await findings(in: lab)
            if status == 0, said.isEmpty { return }
            guard ContinuousClock.now < deadline else {
                throw SystemError(time, cause: "the doctor is not silent (status \(status)): \(said)")
            }
        }
    }
}
