// SPDX-License-Identifier: Apache-2.0

import BPF
import Model
import TestSupport
import Testing

@testable import Dataplane

/// Interfaces that are renamed, that clash, or that are somebody else's.
@Suite(.requires("root", "bpf", "netns", "clang"), .serialized) struct AttachmentTests {
    private let services = ["web 10.9.9.9:80/tcp -> a, b, c"]

    private func interface(_ name: String, _ wire: Wire) throws -> NetworkInterface {
        let text = try wire.namespace.run("ip -o link show \(name) | cut -d: -f1")
        let index = UInt32(text.split(whereSeparator: \.isWhitespace).first ?? "") ?? 0
        return NetworkInterface(
            index: index, name: name, address: MACAddress(bits: 0x0200_0000_0005), mtu: 1500, isVirtual: false)
    }

    private func apply(_ generation: Generation, _ interfaces: [NetworkInterface], _ bench: Bench, _ wire: Wire) throws
        -> ApplyReport
    {
        let settings = bench.settings
        return try wire.namespace.inside {
            let installation = try bench.started(settings)
            return try installation.apply(generation, on: Host.view(generation, interfaces: interfaces))
        }
    }

    private func links(_ bench: Bench) throws -> [String: UInt32] {
        let paths = PinPaths(root: bench.pins.path)
        return Dictionary(
            uniqueKeysWithValues: try Pin.list(paths.links).map {
                ($0, try Link.open(pinned: "\(paths.links)/\($0)").id)
            })
    }

    @Test func `an interface that was renamed keeps its link, under its new name`() throws {
        let (bench, wire) = (try Bench(), try Wire())
        var fleet = Fleet()
        let generation = try fleet.next(services)
        _ = try apply(generation, [try interface("eth0", wire)], bench, wire)
        let before = try links(bench)
        try wire.namespace.run("ip link set eth0 down && ip link set eth0 name lan.0 && ip link set lan.0 up")
        let report = try apply(generation, [try interface("lan.0", wire)], bench, wire)
        #expect(report.attachments.map(\.change) == [.kept])
        #expect(try links(bench) == ["lan%2e0": try #require(before["eth0"])])
    }

    @Test func `two interfaces that exchange their names keep their links`() throws {
        let (bench, wire) = (try Bench(), try Wire())
        try wire.namespace.run("ip link add eth1 type veth peer name peer1 && ip link set eth1 up")
        var fleet = Fleet()
        let generation = try fleet.next(services)
        _ = try apply(generation, [try interface("eth0", wire), try interface("eth1", wire)], bench, wire)
        let before = try links(bench)
        try wire.namespace.run(
            """
            ip link set eth0 down && ip link set eth1 down
            ip link set eth0 name x && ip link set eth1 name eth0 && ip link set x name eth1
            """)
        let report = try apply(generation, [try interface("eth0", wire), try interface("eth1", wire)], bench, wire)
        #expect(report.attachments.map(\.change) == [.kept, .kept])
        let after = try links(bench)
        #expect(after == ["eth0": try #require(before["eth1"]), "eth1": try #require(before["eth0"])])
    }

    @Test func `one of two interfaces with one place is left out, all else goes on`() throws {
        let (bench, wire) = (try Bench(), try Wire())
        let first = try interface("eth0", wire)
        try wire.namespace.run("ip link add eth9 index \(first.index + 64) type veth peer name peer9")
        var fleet = Fleet()
        let generation = try fleet.next(services)
        let report = try apply(generation, [first, try interface("eth9", wire)], bench, wire)
        #expect(report.attachments.map(\.interface) == ["eth0", "eth9"])
        #expect(report.attachments.map(\.change) == [.attached, .failed])
        #expect(report.attachments.last?.error?.contains("eth0") == true)
        #expect(try links(bench).keys.sorted() == ["eth0"])
        // The other way round in the configuration: what runs goes on.
        let again = try apply(generation, [try interface("eth9", wire), first], bench, wire)
        #expect(again.attachments.map(\.change) == [.kept, .failed])
    }

    @Test func `a foreign program is put back where ours cannot take its place`() throws {
        let (bench, wire) = (try Bench(), try Wire())
        try bench.files.write(
            """
            #include <linux/bpf.h>
            #include <bpf/bpf_helpers.h>
            SEC("xdp") int stranger(struct xdp_md *ctx) { return XDP_PASS; }
            char LICENSE[] SEC("license") = "GPL";
            """, to: "stranger.bpf.c")
        let object = try Compiler(cache: bench.files.path).compile(source: "\(bench.files.path)/stranger.bpf.c")
        // veth runs no program natively whose frames may have several pages.
        try wire.namespace.run(
            """
            ip link set eth0 mtu 9000 && ip link set peer0 mtu 9000
            ip link set dev eth0 xdpgeneric obj \(object.path) sec xdp
            """)
        let interface = try wire.interface()
        let before = try wire.namespace.inside { try XDPAttachment.current(on: interface.index) }
        var settings = bench.settings
        settings.replacesForeign = true
        settings.policy = .native
        var fleet = Fleet()
        let report = try wire.apply(try fleet.next(services), settings)
        let error = try #require(report.attachments.first?.error)
        #expect(error.contains("no XDP native") && error.contains("stranger that was there is on it again"), "\(error)")
        #expect(try wire.namespace.inside { try XDPAttachment.current(on: interface.index) } == before)
    }
}
