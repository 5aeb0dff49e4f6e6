// SPDX-License-Identifier: Apache-2.0

import BPF
import CBPF
import CDataplane
import Model
import TestSupport
import Testing

@testable import Dataplane

/// Allow and deny lists in the kernel's own map.
@Suite(.requires("root", "bpf", "clang")) struct AccessMapTests {
    private static let web = "web 10.9.9.9:80/tcp -> a, b"
    private static let dns = "dns 10.9.9.9:53/udp -> d, e"
    private static let limit = Int(ACCESS_ENTRIES_MAX)

    /// Prefixes that no two lists share, of one network of /8.
    private static func prefixes(_ network: UInt32, _ count: Int) -> [IPPrefix] {
        (0..<UInt32(count)).compactMap { IPPrefix(IPAddress(v4: network << 24 | $0 << 4), length: 28) }
    }

    @Test func `a list of more than half the map is replaced by another`() throws {
        let bench = try Bench()
        let installation = try bench.started()
        var fleet = Fleet()
        for network in [20, 30] as [UInt32] {
            fleet.adjust = { $0.allow = Self.prefixes(network, 33_000) }
            let generation = try fleet.next([Self.web])
            let report = try installation.apply(generation, on: Host.view(generation))
            try installation.finish()
            #expect(report.isComplete && report.notes == [])
            #expect(try Verify.differences(generation, kernel: try bench.kernel()) == [])
        }
    }

    @Test func `where a list does not fit its service alone is told of, and all else is done`() throws {
        let bench = try Bench()
        let installation = try bench.started()
        var fleet = Fleet()
        let before = try fleet.next([Self.web, Self.dns])
        _ = try installation.apply(before, on: Host.view(before))
        try installation.finish()
        let kernel = try bench.kernel()
        // A generation has never more prefixes than the map takes: somebody else's are in the way, whom nobody knows of.
        let strangers = Self.prefixes(30, Self.limit - 10).map {
            AccessEntry(service: ServiceID(rawValue: 500), prefix: $0, allows: true)
        }
        try kernel.maps.access.update(strangers.map { AccessKeyBytes($0.key) }, strangers.map(\.value))
        fleet.adjust = { $0.deny = $0.name == "api" ? Self.prefixes(20, 20) : [] }
        let after = try fleet.next([Self.web, "dns 10.9.9.9:53/udp -> d", "api 10.9.9.8:80/tcp -> g"])
        let report = try installation.apply(after, on: Host.view(after))
        #expect(!report.isComplete && report.notes.count == 1)
        let note = try #require(report.notes.first)
        #expect(note.hasPrefix("service api: its allow and deny lists cannot be set") && note.contains("map full"))
        let api = try #require(after.service(named: "api"))
        #expect(kernel.memory { $0.services[Int(api.id.rawValue)].access_default } == ACCESS_DENY.rawValue)
        #expect(Set(try Verify.differences(after, kernel: kernel).map(\.subject)) == ["api", "service id 500"])
        // What the map holds is read again, and what nobody asked for makes room.
        #expect(try installation.apply(after, on: Host.view(after)).isComplete)
        try installation.finish()
        #expect(try Verify.differences(after, kernel: kernel) == [])
    }

    @Test func `where the kernel lets no prefix be removed all else goes on`() throws {
        let bench = try Bench()
        let installation = try bench.started()
        var fleet = Fleet()
        fleet.adjust = { if $0.name == "web" { $0.deny = Self.prefixes(20, 3) } }
        let before = try fleet.next([Self.web, Self.dns])
        _ = try installation.apply(before, on: Host.view(before))
        try installation.finish()
        let kernel = try bench.kernel()
        #expect(bpf_map_freeze(kernel.maps.access.descriptor) == 0)
        let without = try fleet.next([Self.dns])
        #expect(try installation.apply(without, on: Host.view(without)).isComplete)
        #expect(throws: BPFError.self) { try installation.finish() }
        let web = try #require(before.service(named: "web"))
        #expect(kernel.memory { $0.services[Int(web.id.rawValue)].flow_idle } == 0, "what comes after it is done")
        let after = try fleet.next(["dns 10.9.9.9:53/udp -> e"])
        let report = try installation.apply(after, on: Host.view(after))
        #expect(!report.isComplete && report.notes.count == 1, "\(report.notes)")
        #expect(report.notes.first?.hasPrefix("what is no longer needed cannot be removed yet: ") == true)
        #expect(report.changes.slots > 0)
        _ = try installation.tables?.settle(now: MonotonicClock.seconds())
    }

    @Test func `where the kernel lets no list be exchanged its service alone is told of`() throws {
        let bench = try Bench()
        let installation = try bench.started()
        var fleet = Fleet()
        fleet.adjust = { if $0.name == "web" { $0.allow = Self.prefixes(20, 33_000) } }
        let before = try fleet.next([Self.web, Self.dns])
        _ = try installation.apply(before, on: Host.view(before))
        try installation.finish()
        let kernel = try bench.kernel()
        #expect(bpf_map_freeze(kernel.maps.access.descriptor) == 0)
        fleet.adjust = { if $0.name == "web" { $0.allow = Self.prefixes(30, 33_000) } }
        let after = try fleet.next([Self.web, "dns 10.9.9.9:53/udp -> e"])
        let report = try installation.apply(after, on: Host.view(after))
        #expect(!report.isComplete && report.notes.count == 1, "\(report.notes)")
        #expect(report.notes.first?.hasPrefix("service web: its allow and deny lists cannot be set") == true)
        #expect(
            Set(try Verify.differences(after, kernel: kernel).map(\.subject)).isSubset(of: ["web", "access filter"]))
    }

    @Test func `what somebody else changed in the access map is seen and mended`() throws {
        let bench = try Bench()
        let installation = try bench.started()
        var fleet = Fleet()
        fleet.adjust = { $0.deny = Self.prefixes(20, 3) }
        let generation = try fleet.next([Self.web])
        _ = try installation.apply(generation, on: Host.view(generation))
        let kernel = try bench.kernel()
        let entry = try #require(try kernel.observe(for: try Host.image(generation)).access.sorted().first)
        try kernel.maps.access.delete(AccessKeyBytes(entry.key))
        #expect(
            try Verify.differences(generation, kernel: kernel).map(\.description) == [
                "web: prefixes of its allow and deny lists: 1 not there (deny 20.0.0.0/28)"
            ])
        installation.tables?.distrust()
        _ = try installation.apply(generation, on: Host.view(generation))
        #expect(try Verify.differences(generation, kernel: kernel) == [])
    }
}
