// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// Interfaces that go, cannot do what is asked, or belong to somebody else.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl"))
struct FailureInterfaceTests {
    private static let web = Service(backends: Service.webs(3))

    @Test func `an interface that goes and comes back is attached again by itself`() async throws {
        try await Lab.with { lab in
            let edge = lab.edge
            try edge.configure([Self.web])
            try await edge.start()

            try await lab.shell("ip -n \(lab.name)-edge1 link del eth0")
            try await until("the daemon misses it") {
                try await edge.status().warnings.contains { $0.contains("interface eth0 is not there") }
            }
            try await Self.plugIn(lab)
            try await until("it is attached again") { try await edge.status().interfaces.map(\.mode) == ["native"] }
            try await until("requests are answered again") { try await lab.vainRequests(1, to: Lab.vip).failed == 0 }
            let tally = try await lab.requests(100)
            #expect(tally.failed == 0, "after it came back: \(tally)")

        }
    }

    @Test func `an interface that is renamed goes on being steered, and its new name is told`() async throws {
        try await Lab.with { lab in
            let edge = lab.edge
            try edge.configure([Self.web])
            try await edge.start()
            let program = try await edge.attachedProgram()
            try await Self.rename("eth0", to: "other", in: lab)
            try await until("the daemon sees its name") {
                try await edge.status().warnings.contains { $0.contains("interface eth0 is called other now") }
            }
            #expect(try await edge.attachedProgram(on: "other") == program, "the link follows the interface")
            #expect(try await edge.status().interfaces.map(\.mode) == ["native"])
            try await until("requests are answered again") { try await lab.vainRequests(1, to: Lab.vip).failed == 0 }
            let tally = try await lab.requests(60)
            #expect(tally.failed == 0, "under its new name: \(tally)")

            try await lab.run("edge1", "ip", "link", "set", "other", "mtu", "1590")
            try await until("a change of it is noticed") { try edge.logged().contains("MTU 1590") }
            try await lab.run("edge1", "ip", "link", "set", "other", "mtu", "1600")

            try await Self.rename("other", to: "eth0", in: lab)
            try await until("nothing is amiss") { try await edge.status().warnings.isEmpty }
            #expect(try await edge.attachedProgram() == program)
        }
    }

    private static func rename(_ name: String, to new: String, in lab: Lab) async throws {
        let edge = "ip -n \(lab.name)-edge1"
        try await lab.shell(
            """
            \(edge) link set \(name) down; \(edge) link set \(name) name \(new); \(edge) link set \(new) up
            \(edge) route add default via 10.2.0.254
            """)
    }

    /// As `tools/lab` had made it.
    private static func plugIn(_ lab: Lab) async throws {
        let (edge, fabric) = ("\(lab.name)-edge1", "\(lab.name)-fabric")
        try await lab.shell(
            """
            ip -n \(fabric) link add edge1-eth0 mtu 1600 type veth peer name eth0 mtu 1600 \
                address 02:00:00:00:02:01 netns \(edge)
            ip -n \(fabric) link set edge1-eth0 master front up
            nsenter --net=/run/netns/\(fabric) bpftool net attach xdpdrv \
                pinned /sys/fs/bpf/\(lab.name)/pass dev edge1-eth0
            ip -n \(edge) link set eth0 up
            ip -n \(edge) addr add 10.2.0.11/24 dev eth0
            ip -n \(edge) route add default via 10.2.0.254
            nsenter --net=/run/netns/\(fabric) ethtool -K edge1-eth0 tx off tso off gso off gro off
            nsenter --net=/run/netns/\(edge) ethtool -K eth0 tx off tso off gso off gro off
            """)
    }

    @Test func `without native XDP the generic one serves, and its reason stays to be seen`() async throws {
        try await Lab.with { lab in
            let edge = lab.edge
            try await Self.bridgeFront(lab)
            try edge.configure([Self.web], interfaces: ["br0"])
            try await edge.start()
            #expect(try edge.logged().contains("mode=XDP generic"))
            #expect(try edge.logged().contains("no XDP native"))

            let tally = try await lab.requests(100)
            #expect(tally.failed == 0 && tally.backends.count == 3, "\(tally)")
            let sent = try await lab.digest(ofFirst: 20_000_000)
            #expect(try await lab.upload(20_000_000, to: Lab.vip) == sent)
            #expect(try await lab.download(20_000_000, from: Lab.vip) == sent)

            try await edge.apply([Self.web, Service(name: "second", vip: "10.9.9.2", backends: Service.webs(2))])
            let interface = try #require(try await edge.status().interfaces.first)
            #expect(interface.mode == "generic")
            #expect(interface.reason?.contains("no XDP native") == true, "after another generation: \(interface)")
        }
    }

    @Test func `where only native XDP is allowed and there is none, nothing is attached, which is said`() async throws {
        try await Lab.with(backends: 1) { lab in
            let edge = lab.edge
            try await Self.bridgeFront(lab)
            try edge.configure([Service(backends: Service.webs(1))], interfaces: ["br0"], datapath: ["mode: native"])
            try await edge.start()
            let interface = try #require(try await edge.status().interfaces.first)
            #expect(interface.mode == "none")
            #expect(interface.reason?.contains("attach to br0: no way of running XDP works: no XDP native") == true)
            #expect(try edge.logged().contains("attach to br0: no way of running XDP works"))
            #expect(try await edge.attachedProgram(on: "br0") == nil)
        }
    }

    @Test func `where no XDP works at all it is reported, and what runs on other interfaces goes on`() async throws {
        try await Lab.with(fabric: "two-armed") { lab in
            let edge = lab.edge
            try await Self.occupyBridge(lab)
            try edge.configure([Self.web], interfaces: ["eth1"])
            try await edge.start()
            try await isRefused(in: edge)
            try await edge.stop()

            try edge.configure([Self.web])
            try await edge.start()
            let stream = try await lab.stream()
            try await edge.stop()
            try edge.configure([Self.web], interfaces: ["eth0", "eth1"])
            try await edge.start()
            try await isRefused(in: edge)
            #expect(try await edge.status().interfaces.first { $0.name == "eth0" }?.mode == "native")

            try await lab.run("edge1", "bpftool", "net", "detach", "xdpgeneric", "dev", "br1")
            try await until("it is attached by itself", within: .seconds(60)) {
                try await edge.status().interfaces.map(\.mode) == ["native", "native"]
            }
            let tally = try await stream.finish()
            #expect(tally.failed == 0 && tally.requests > 0, "\(tally)")
        }
    }

    /// Below an interface with a program of its own, the kernel lets neither native nor generic XDP be attached.
    private static func occupyBridge(_ lab: Lab) async throws {
        let edge = "\(lab.name)-edge1"
        try await lab.shell(
            """
            ip -n \(edge) addr flush dev eth1
            ip -n \(edge) link add br1 type bridge mcast_snooping 0
            ip -n \(edge) link set eth1 master br1
            ip -n \(edge) link set br1 up
            nsenter --net=/run/netns/\(edge) bpftool net attach xdpgeneric pinned /sys/fs/bpf/\(lab.name)/pass dev br1
            """)
    }

    private func isRefused(in edge: Edge) async throws {
        let refused = try #require(try await edge.status().interfaces.first { $0.name == "eth1" })
        #expect(refused.mode == "none")
        #expect(refused.reason?.contains("no way of running XDP works: the bridge or bond above it") == true)
        #expect(try await edge.attachedProgram(on: "eth1") == nil)
        #expect(try edge.logged().contains("attach to eth1: no way of running XDP works"))
        let doctor = try await edge.output(["doctor"])
        #expect(doctor.status == 1 && doctor.text.contains("FAIL  eth1 (veth): no XDP program is on it"), "\(doctor)")
    }

    /// Puts the edge's addresses on a bridge, whose driver has no XDP.
    private static func bridgeFront(_ lab: Lab) async throws {
        let edge = "\(lab.name)-edge1"
        try await lab.shell(
            """
            ip -n \(edge) link add br0 address 02:00:00:00:02:01 mtu 1600 type bridge mcast_snooping 0
            ip -n \(edge) addr flush dev eth0
            ip -n \(edge) link set eth0 master br0
            ip -n \(edge) link set br0 up
            ip -n \(edge) addr add 10.2.0.11/24 dev br0
            ip -n \(edge) route add default via 10.2.0.254
            nsenter --net=/run/netns/\(edge) ethtool -K br0 tx off tso off gso off gro off
            """)
    }

    @Test func `somebody else's XDP program is left alone unless the configuration lets it be replaced`() async throws {
        try await Lab.with { lab in
            let edge = lab.edge
            try await lab.shell(
                "nsenter --net=/run/netns/\(lab.name)-edge1 "
                    + "bpftool net attach xdpdrv pinned /sys/fs/bpf/\(lab.name)/pass dev eth0")
            let foreign = try await edge.attachedProgram()
            #expect(foreign != nil)
            try edge.configure([Self.web])
            try await edge.start()
            let refused = try #require(try await edge.status().interfaces.first)
            #expect(refused.mode == "none" && refused.reason?.contains("is attached there already") == true)
            #expect(refused.reason?.contains("ip link set dev eth0 xdp off") == true, "\(refused)")
            #expect(try await edge.attachedProgram() == foreign, "it was taken off unasked")
            #expect(try edge.logged().contains("is attached there already"))

            try await edge.stop()
            try edge.configure([Self.web], datapath: ["foreign: replace"])
            try await edge.start()
            #expect(try await edge.status().interfaces.map(\.mode) == ["native"])
            #expect(try await edge.attachedProgram() != foreign)
            let tally = try await lab.requests(60)
            #expect(tally.failed == 0, "\(tally)")
        }
    }
}
