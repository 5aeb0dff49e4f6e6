// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Model
import NextHops
import TestSupport
import Testing

/// A host with a link to a neighbour, each in a namespace of its own.
private struct Pair {
    let host: NetworkNamespace
    let neighbour: NetworkNamespace

    init() throws {
        host = try NetworkNamespace()
        neighbour = try NetworkNamespace()
        // Without duplicate address detection, in which a link-local address asks nobody for a second.
        for namespace in [host, neighbour] { try namespace.run("sysctl -qw net.ipv6.conf.default.accept_dad=0") }
        try Shell.run(
            """
            ip -n \(host.name) link add v0 type veth peer name v1 netns \(neighbour.name) && \
            ip -n \(neighbour.name) link set v1 address 02:00:00:00:00:02 up && \
            ip -n \(neighbour.name) addr add 10.9.0.2/24 dev v1 && \
            ip -n \(neighbour.name) addr add 10.9.0.3/24 dev v1 && \
            ip -n \(neighbour.name) addr add fd00:9::2/64 dev v1 nodad && \
            ip -n \(host.name) link set v0 address 02:00:00:00:00:01 up && \
            ip -n \(host.name) addr add 10.9.0.1/24 dev v0 && \
            ip -n \(host.name) addr add fd00:9::1/64 dev v0 nodad
            """)
    }

    func ip(_ command: String) throws { try Shell.run("ip -n \(host.name) \(command)") }

    /// Runs `body` with a table of the host, that follows events meanwhile.
    func withTable(_ body: (NextHopTable) async throws -> Void) async throws {
        let loop = try EventLoop.start(name: "nexthops")
        defer { loop.stop() }
        let table = try host.inside { try NextHopTable(loop: loop) }
        let run = Task { try await table.run() }
        let outcome = await Self.result { try await body(table) }
        run.cancel()
        try await run.value
        try outcome.get()
    }

    private static func result(_ body: () async throws -> Void) async -> Result<Void, any Error> {
        do { return .success(try await body()) } catch { return .failure(error) }
    }
}

private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

private func first(
    of table: NextHopTable, where isIt: ([IPAddress: NextHop]) -> Bool
) async -> [IPAddress: NextHop] {
    for await hops in table.updates where isIt(hops) { return hops }
    return [:]
}

@Suite(.requires("root", "netns"), .timeLimit(.minutes(5)))
struct NextHopTableTests {
    private let theirs = MACAddress(bits: 0x0200_0000_0002)

    @Test(arguments: ["10.9.0.2", "fd00:9::2"])
    func `a neighbour on the link is found and asked for its Ethernet address`(text: String) async throws {
        let pair = try Pair()
        let backend = try address(text)
        try await pair.withTable { table in
            let hop = try await table.resolve([backend])[backend]
            #expect(hop?.destination == theirs)
            #expect(hop?.interface.name == "v0")
            #expect(hop?.interface.address == MACAddress(bits: 0x0200_0000_0001))
            #expect(hop?.mtu == 1500 && hop?.vlan == nil)
            #expect(await table.missing.isEmpty)
            #expect(await table.counts.lastFailure == nil)
        }
    }

    @Test func `a backend behind a gateway goes to the gateway, with the route's MTU`() async throws {
        let pair = try Pair()
        try pair.ip("route add 10.8.0.0/16 via 10.9.0.2 mtu 1400")
        try pair.ip("route add 10.7.0.0/16 via inet6 fd00:9::2")
        let (plain, mixed) = (try address("10.8.1.1"), try address("10.7.1.1"))
        try await pair.withTable { table in
            let hops = try await table.resolve([plain, mixed])
            #expect(hops[plain]?.destination == theirs && hops[plain]?.mtu == 1400)
            #expect(hops[mixed]?.destination == theirs && hops[mixed]?.mtu == 1500)
        }
    }

    @Test func `an address without a next hop says why`() async throws {
        let pair = try Pair()
        for (kind, prefix) in [
            ("blackhole", "10.1.0.0/16"), ("unreachable", "10.2.0.0/16"), ("prohibit", "10.3.0.0/16"),
            ("blackhole", "fd00:1::/64"), ("unreachable", "fd00:2::/64"), ("prohibit", "fd00:3::/64"),
        ] { try pair.ip("route add \(kind) \(prefix)") }
        let silent = try address("10.9.0.77")
        let expected: [IPAddress: MissingNextHop] = [
            try address("10.1.0.1"): .blackhole, try address("10.2.0.1"): .noRoute,
            try address("10.3.0.1"): .blackhole, try address("fd00:1::1"): .blackhole,
            try address("fd00:2::1"): .noRoute, try address("fd00:3::1"): .blackhole,
            try address("192.0.2.1"): .noRoute, try address("2001:db8::1"): .noRoute,
            try address("10.9.0.1"): .local, try address("fd00:9::1"): .local,
            try address("10.9.0.255"): .notUnicast, silent: .noNeighbour(silent, interface: "v0"),
        ]
        try await pair.withTable { table in
            let hops = try await table.resolve(Set(expected.keys))
            #expect(hops.isEmpty)
            #expect(await table.missing == expected)
        }
    }

    @Test func `a route that moves is followed`() async throws {
        let pair = try Pair()
        let backend = try address("10.8.1.1")
        try await pair.withTable { table in
            _ = try await table.resolve([backend])
            #expect(await table.missing[backend] == .noRoute)
            try pair.ip("route add 10.8.0.0/16 via 10.9.0.2")
            let found = await first(of: table) { $0[backend] != nil }
            #expect(found[backend]?.destination == theirs)
            try pair.ip("route change 10.8.0.0/16 via 10.9.0.3 mtu 1300")
            let moved = await first(of: table) { $0[backend]?.mtu == 1300 }
            #expect(moved[backend]?.destination == theirs)
            try pair.ip("route del 10.8.0.0/16")
            _ = await first(of: table) { $0.isEmpty }
            #expect(await table.missing[backend] == .noRoute)
        }
    }

    @Test func `a neighbour that changes its Ethernet address is followed`() async throws {
        let pair = try Pair()
        let backend = try address("10.9.0.2")
        try await pair.withTable { table in
            _ = try await table.resolve([backend])
            try pair.ip("neigh replace 10.9.0.2 lladdr 02:00:00:00:00:99 dev v0 nud reachable")
            let moved = await first(of: table) { $0[backend]?.destination.bits == 0x0200_0000_0099 }
            #expect(moved.count == 1)
        }
    }

    @Test func `a neighbour that begins to answer late is found all the same`() async throws {
        let pair = try Pair()
        let backend = try address("10.9.0.44")
        try await pair.withTable { table in
            let nobody = try await table.resolve([backend])
            #expect(nobody.isEmpty)
            // The kernel has given up.
            try Shell.run("until ip -n \(pair.host.name) neigh | grep -q FAILED; do sleep 0.1; done")
            try Shell.run("ip -n \(pair.neighbour.name) addr add 10.9.0.44/24 dev v1")
            let found = await first(of: table) { $0[backend] != nil }
            #expect(found[backend]?.destination == theirs)
        }
    }

    @Test func `a link that goes down takes its next hops away, and brings them back`() async throws {
        let pair = try Pair()
        let backend = try address("10.9.0.2")
        try await pair.withTable { table in
            _ = try await table.resolve([backend])
            try Shell.run("ip -n \(pair.neighbour.name) link set v1 down")
            _ = await first(of: table) { $0.isEmpty }
            #expect(await table.missing[backend] == .linkDown(interface: "v0"))
            try Shell.run("ip -n \(pair.neighbour.name) link set v1 up")
            let back = await first(of: table) { $0[backend] != nil }
            #expect(back[backend]?.destination == theirs)
        }
    }

    @Test func `interfaces are listed with what a program must know of them`() throws {
        let pair = try Pair()
        let link = try #require(try pair.host.inside { try NetworkInterfaces.find("v0") })
        #expect(link.kind == "veth" && link.isUp && link.interface.mtu == 1500)
        #expect(try pair.host.inside { try NetworkInterfaces.list().map(\.interface.name) } == ["lo", "v0"])
        #expect(try pair.host.inside { try NetworkInterfaces.driver(of: "v0") } == "veth")
        #expect(try pair.host.inside { try NetworkInterfaces.driver(of: "lo") } == nil)
        #expect(try pair.host.inside { try NetworkInterfaces.offloads(of: "v0") }.contains(.segmentation))
        #expect(try pair.host.inside { try NetworkInterfaces.find("nothing") } == nil)
    }
}
