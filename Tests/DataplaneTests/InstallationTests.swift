// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import Model
import TestSupport
import Testing

@testable import Dataplane

@Suite(.requires("root", "bpf", "netns", "clang"), .serialized) struct InstallationTests {
    private let services = ["web 10.9.9.9:80/tcp -> a, b, c"]
    private let six = "six [2001:db8::9]:80/tcp -> d, e"

    @Test func `the first apply fills the maps, then attaches, natively where the driver can`() throws {
        let (bench, wire) = (try Bench(), try Wire())
        var fleet = Fleet()
        let generation = try fleet.next(services)
        let report = try wire.apply(generation, bench.settings)
        #expect(report.attachments.map(\.mode) == [.native])
        #expect(report.attachments.map(\.change) == [.attached])
        #expect(report.program.features.isSuperset(of: [.ipv4, .ipip, .tracking]))
        #expect(!report.program.features.contains(.ipv6))
        #expect(try Verify.differences(generation, kernel: try bench.kernel()) == [])
    }

    @Test func `after a restart pins are adopted and nothing is changed`() throws {
        let (bench, wire) = (try Bench(), try Wire())
        var fleet = Fleet()
        let generation = try fleet.next(services)
        _ = try wire.apply(generation, bench.settings)
        let kernel = try bench.kernel()
        let program = try #require(kernel.program?.program.id)
        let settings = bench.settings
        let start = try wire.namespace.inside { try Installation(settings).start() }
        #expect(start.adopted.count >= 17)
        #expect(start.summary == "adopted \(start.adopted.count) pins")
        #expect(start.program?.features.contains(.ipip) == true)
        let report = try wire.apply(generation, bench.settings)
        #expect(report.attachments.map(\.change) == [.kept])
        #expect(report.changes == ApplyReport.Changes())
        #expect(try bench.kernel().program?.program.id == program)
    }

    @Test func `where pins are missing the link goes to a program with maps of its own once they are full`() throws {
        let (bench, wire) = (try Bench(), try Wire())
        var fleet = Fleet()
        let generation = try fleet.next(services)
        _ = try wire.apply(generation, bench.settings)
        let before = try bench.kernel().program?.program.id
        try Pin.remove(PinPaths(root: bench.pins.path).map(MAP_EVENTS))
        let settings = bench.settings
        let start = try wire.namespace.inside { try Installation(settings).start() }
        #expect(start.adopted.isEmpty && start.note?.contains(MAP_EVENTS) == true)
        let report = try wire.apply(generation, bench.settings)
        #expect(report.attachments.map(\.change) == [.updated])
        let kernel = try bench.kernel()
        #expect(kernel.program?.program.id != before)
        #expect(try Verify.differences(generation, kernel: kernel) == [])
    }

    @Test func `where an upgrade died before its program was pinned the next start completes it`() throws {
        let (bench, wire) = (try Bench(), try Wire())
        var fleet = Fleet()
        let generation = try fleet.next(services)
        _ = try wire.apply(generation, bench.settings)
        let before = try bench.kernel()
        let name = try #require(before.program).pinName
        let other = name.replacing("_v\(LAYOUT_VERSION)", with: "_v\(LAYOUT_VERSION - 1)")
        try Pin.move("\(before.paths.programs)/\(name)", to: "\(before.paths.programs)/\(other)")
        let settings = bench.settings
        let start = try wire.namespace.inside { try Installation(settings).start() }
        #expect(start.adopted.isEmpty && start.program == nil)
        #expect(start.note == "the pins are not adopted: the program that runs is not of this layout")
        let report = try wire.apply(generation, bench.settings)
        #expect(report.attachments.map(\.change) == [.updated])
        let after = try bench.kernel()
        #expect(after.program?.program.id != before.program?.program.id)
        #expect(try Pin.list(after.paths.programs) == [name])
        #expect(try Verify.differences(generation, kernel: after) == [])
    }

    /// Two services whose backends are reached by two interfaces, of indices 100 and 200.
    private func twoWays(_ wire: Wire) throws -> (generation: Generation, view: HostView) {
        try wire.namespace.run("ip link add way1 index 100 type veth && ip link add way2 index 200 type veth")
        var fleet = Fleet()
        let generation = try fleet.next(["web 10.9.9.9:80/tcp -> a", "dns 10.9.9.9:53/udp -> b"])
        var view = Host.view(generation, interfaces: [try wire.interface()])
        let addresses = generation.services.flatMap { $0.backends.map(\.backend.address) }
        for (address, index) in zip(addresses, [100, 200] as [UInt32]) {
            let way = NetworkInterface(
                index: index, name: "way", address: MACAddress(bits: UInt64(index)), mtu: 1500, isVirtual: true)
            view.nextHops[address] = NextHop(interface: way, destination: MACAddress(bits: 0x0200_0000_0301), mtu: 1500)
        }
        return (generation, view)
    }

    @Test func `an interface that is gone holds up no other's entry of the device map`() throws {
        let (bench, wire) = (try Bench(), try Wire())
        let (generation, view) = try twoWays(wire)
        try wire.namespace.run("ip link del way1")
        let settings = bench.settings
        let (report, ports) = try wire.namespace.inside {
            let installation = try Installation(settings)
            _ = try installation.start()
            let report = try installation.apply(generation, on: view)
            return (report, try KernelKeyedMaps(try KernelMaps(installation.paths)).ports)
        }
        #expect(ports == [1: 200])
        #expect(!report.isComplete && report.notes.count == 1, "\(report.notes)")
    }

    @Test func `an entry of the device map that the kernel deleted is set again when the maps are distrusted`() throws {
        let (bench, wire) = (try Bench(), try Wire())
        let (generation, view) = try twoWays(wire)
        let settings = bench.settings
        let ports = try wire.namespace.inside {
            let installation = try Installation(settings)
            _ = try installation.start()
            _ = try installation.apply(generation, on: view)
            try wire.namespace.run("ip link del way2 && ip link add way2 index 200 type veth")
            installation.tables?.distrust()
            _ = try installation.apply(generation, on: view)
            return try KernelKeyedMaps(try KernelMaps(installation.paths)).ports
        }
        #expect(ports == [0: 100, 1: 200])
    }

    @Test func `other features are another program by one update of the link, on the same maps`() throws {
        let (bench, wire) = (try Bench(), try Wire())
        var fleet = Fleet()
        _ = try wire.apply(try fleet.next(services), bench.settings)
        let before = try bench.kernel()
        let maps = try Map.open(pinned: before.paths.map(MAP_SLOTS)).id
        before.memory { $0.records[5] = 1 << UInt64(RECORD_BACKEND_SHIFT) | 99 }
        let generation = try fleet.next(services + [six])
        let report = try wire.apply(generation, bench.settings)
        #expect(report.attachments.map(\.change) == [.kept])
        #expect(report.program.features.contains(.ipv6))
        let after = try bench.kernel()
        #expect(after.program?.program.id != before.program?.program.id)
        #expect(try after.program?.program.mapIDs().contains(maps) == true)
        #expect(after.memory { $0.records[5] } != 0)
        let link = try wire.namespace.inside { try after.interfaces() }
        #expect(link.map(\.programID) == [after.program?.program.id])
        #expect(try Pin.list(after.paths.programs).count == 1)
        #expect(try Verify.differences(generation, kernel: after) == [])
    }

    @Test func `what is no longer needed is compiled away behind the change`() throws {
        let (bench, wire) = (try Bench(), try Wire())
        var fleet = Fleet()
        _ = try wire.apply(try fleet.next(services + [six]), bench.settings)
        _ = try wire.apply(try fleet.next(services), bench.settings)
        #expect(try bench.kernel().program?.features.contains(.ipv6) == false)
    }

    @Test func `a second daemon with the same pins is told so in one line`() throws {
        let bench = try Bench()
        let first = try bench.started()
        let error = #expect(throws: BPFError.self) { try bench.started() }
        #expect(error?.description.contains("another sluiced runs with these pins") == true)
        _ = first
    }

    @Test func `another sluice on the interface is told apart from it`() throws {
        let (bench, other, wire) = (try Bench(), try Bench(), try Wire())
        var fleet = Fleet()
        let generation = try fleet.next(services)
        _ = try wire.apply(generation, other.settings)
        let report = try wire.apply(generation, bench.settings)
        #expect(report.attachments.first?.change == .failed)
        #expect(report.attachments.first?.error?.contains("another sluiced runs there") == true)
    }

    @Test func `a foreign program is refused by name, and replaced where that is allowed`() throws {
        let (bench, wire) = (try Bench(), try Wire())
        try bench.files.write(
            """
            #include <linux/bpf.h>
            #include <bpf/bpf_helpers.h>
            SEC("xdp") int stranger(struct xdp_md *ctx) { return XDP_PASS; }
            char LICENSE[] SEC("license") = "GPL";
            """, to: "stranger.bpf.c")
        let object = try Compiler(cache: bench.files.path).compile(source: "\(bench.files.path)/stranger.bpf.c")
        try wire.namespace.run("ip link set dev eth0 xdp obj \(object.path) sec xdp")
        var fleet = Fleet()
        let generation = try fleet.next(services)
        let refused = try wire.apply(generation, bench.settings)
        #expect(refused.attachments.first?.error?.contains("the XDP program stranger") == true)
        var settings = bench.settings
        settings.replacesForeign = true
        let allowed = try wire.apply(generation, settings)
        #expect(allowed.attachments.map(\.change) == [.attached])
    }

    @Test func `an interface that went and came back is attached to again`() throws {
        let (bench, wire) = (try Bench(), try Wire())
        var fleet = Fleet()
        let generation = try fleet.next(services)
        _ = try wire.apply(generation, bench.settings)
        try wire.remove()
        try wire.add()
        let report = try wire.apply(generation, bench.settings)
        #expect(report.attachments.map(\.change) == [.attached])
        #expect(report.changes.slots == 0)
    }

    @Test func `where native XDP cannot be, generic is, and the reason is said`() throws {
        let (bench, wire) = (try Bench(), try Wire())
        // veth runs no program natively whose frames may have several pages.
        try wire.namespace.run("ip link set eth0 mtu 9000 && ip link set peer0 mtu 9000")
        var fleet = Fleet()
        let report = try wire.apply(try fleet.next(services), bench.settings)
        #expect(report.attachments.map(\.mode) == [.generic])
        #expect(report.attachments.first?.reasons.count == 1)
        // Another daemon finds it so, and does not know why.
        let adopted = try wire.apply(try fleet.next(services), bench.settings)
        #expect(adopted.attachments.first?.reasons == ["no XDP native when an earlier start attached it"])
    }

    @Test func `without clang the prebuilt program serves, and without either nothing that runs is touched`() throws {
        let (bench, wire) = (try Bench(), try Wire())
        var fleet = Fleet()
        let generation = try fleet.next(services)
        var bare = bench.settings
        bare.clang = "/nonexistent/clang"
        bare.sources = bench.files.path
        #expect(throws: BPFError.self) { try wire.apply(generation, bare) }
        let kernel = KernelFeatures.probe()
        let general = try #require(PrebuiltProgram.allCases.first { $0.features.isSubset(of: .supported(by: kernel)) })
        let object = try ProgramSource(
            directory: bench.settings.sources, cache: bench.settings.cache, kernel: kernel
        ).object(with: general.features)
        try Shell.run("cp \(object.path) \(bench.files.path)/\(general.rawValue)")
        let report = try wire.apply(generation, bare)
        #expect(report.program.isPrebuilt && report.program.features == general.features)
        #expect(report.notes.first?.hasPrefix("prebuilt program: ") == true)
        #expect(report.attachments.map(\.change) == [.attached])
        try Shell.run("rm \(bench.files.path)/\(general.rawValue)")
        let more = try wire.apply(try fleet.next(services + [six]), bare)
        #expect(more.attachments.map(\.change) == [.kept])
    }

    @Test func `a program that the verifier refuses leaves what runs as it is`() throws {
        let (bench, wire) = (try Bench(), try Wire())
        var fleet = Fleet()
        let generation = try fleet.next(services)
        _ = try wire.apply(generation, bench.settings)
        let program = try bench.kernel().program?.program.id
        try bench.files.write(
            """
            #include <linux/bpf.h>
            #include <bpf/bpf_helpers.h>
            SEC("xdp") int steer(struct xdp_md *ctx) { return *(char *)(long)ctx->data; }
            char LICENSE[] SEC("license") = "GPL";
            """, to: "steer.bpf.c")
        try Shell.run("mkdir -p \(bench.files.path)/include")
        var broken = bench.settings
        broken.sources = bench.files.path
        let next = try fleet.next(services + [six])
        let error = #expect(throws: BPFError.self) { try wire.apply(next, broken) }
        #expect(error?.verifier.isEmpty == false)
        #expect(try bench.kernel().program?.program.id == program)
        #expect(try Verify.differences(generation, kernel: try bench.kernel()) == [])
    }

    @Test func `uninstalling removes every pin`() throws {
        let (bench, wire) = (try Bench(), try Wire())
        var fleet = Fleet()
        _ = try wire.apply(try fleet.next(services), bench.settings)
        let settings = bench.settings
        try wire.namespace.inside {
            let installation = try Installation(settings)
            _ = try installation.start()
            try installation.uninstall()
        }
        #expect(try !Pin.exists(bench.pins.path))
        let interface = try wire.interface()
        #expect(try wire.namespace.inside { try XDPAttachment.current(on: interface.index) } == nil)
    }
}
