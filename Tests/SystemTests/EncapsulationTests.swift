// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// Real connections through each way that a packet can take to a backend.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl", "ping"))
struct EncapsulationTests {
    /// One way of forwarding, by TCP and UDP on the same address.
    private struct Way: CustomTestStringConvertible {
        var name: String
        var vip: String
        var forward: String
        /// The family of the outer header.
        var outer = 4
        var anyPort = false

        var testDescription: String { name }

        func services(more: [String] = []) -> [Service] {
            ["tcp", "udp"].map { transport in
                Service(
                    name: "\(name)-\(transport)", vip: vip, port: transport == "tcp" ? 80 : 53, transport: transport,
                    forward: forward, backends: Service.webs(3, family: outer), more: more)
            }
        }
    }

    private static let bulk = 20_000_000

    @Test func `each tunnel carries TCP and UDP of both families, bulk in both directions`() async throws {
        let ways = [
            Way(name: "ipip-4in4", vip: "10.9.9.1", forward: "ipip"),
            Way(name: "ipip-6in6", vip: "2001:db8:9::1", forward: "ipip", outer: 6),
            Way(name: "ipip-4in6", vip: "10.9.9.2", forward: "ipip", outer: 6),
            Way(name: "gue-4in4", vip: "10.9.9.3", forward: "gue"),
            Way(name: "gue-6in6", vip: "2001:db8:9::3", forward: "gue", outer: 6),
            Way(name: "gue-4in6", vip: "10.9.9.4", forward: "gue", outer: 6),
        ]
        try await Lab.with { lab in
            try lab.edge.configure(ways.flatMap { $0.services() })
            try await lab.edge.start()
            for way in ways { try await carries(way, in: lab) }
            #expect(try await lab.edge.status().interfaces.map(\.mode) == ["native"])
        }
    }

    @Test func `frames rewritten for a neighbour carry TCP and UDP of both families`() async throws {
        let ways = [
            Way(name: "l2-4", vip: "10.9.9.1", forward: "l2"),
            Way(name: "l2-6", vip: "2001:db8:9::1", forward: "l2", outer: 6),
        ]
        try await Lab.with(fabric: "flat") { lab in
            try lab.edge.configure(ways.flatMap { $0.services() })
            try await lab.edge.start()
            for way in ways { try await carries(way, in: lab) }
        }
    }

    @Test func `a next hop on another interface is reached by redirection`() async throws {
        let ways = [
            Way(name: "ipip-4in4", vip: "10.9.9.1", forward: "ipip"),
            Way(name: "gue-6in6", vip: "2001:db8:9::1", forward: "gue", outer: 6),
            Way(name: "l2-4", vip: "10.9.9.2", forward: "l2"),
        ]
        try await Lab.with(fabric: "two-armed") { lab in
            try lab.edge.configure(ways.flatMap { $0.services() })
            try await lab.edge.start()
            for way in ways { try await carries(way, in: lab) }
            // The uploads went by the edge's second arm, not back to the router and through it.
            let sent = try await lab.run("router", "awk", "/^ *back:/ { print $10 }", "/proc/net/dev").trimmed
            #expect(Int(sent) ?? .max < Self.bulk, "the router sent \(sent) bytes to the web servers")
        }
    }

    @Test func `a local service is answered by the edge itself`() async throws {
        try await Lab.with(backends: 1) { lab in
            try lab.edge.configure([])
            try lab.edge.write(Self.localServices, to: "services.yaml")
            for (family, vip) in [("-4", "10.9.9.20"), ("-6", "2001:db8:9::20")] {
                try await lab.run("edge1", "ip", family, "route", "add", "local", vip, "dev", "lo")
            }
            let ready = "\(lab.edge.folder)/echo.ready"
            try await lab.start("edge1", "echo-edge1", [Lab.tools + "/lab-echo", "edge1", "53", ready])
            try await lab.edge.start()
            for vip in ["10.9.9.20", "2001:db8:9::20"] {
                let tally = try await lab.datagrams(20, to: vip)
                #expect(tally.failed == 0 && tally.backends == ["edge1": 20], "\(vip): \(tally)")
            }
            for service in ["local-4", "local-6"] {
                #expect(try await lab.edge.packets(of: service)["local"] ?? 0 >= 20, "\(service)")
            }
        }
    }

    private static let localServices = """
        services:
          - { name: local-4, vip: { address: 10.9.9.20, port: 53, protocol: udp }, forward: local }
          - { name: local-6, vip: { address: "2001:db8:9::20", port: 53, protocol: udp }, forward: local }

        """

    @Test func `a VIP of any port takes each port, and source-ip keeps a client on one backend`() async throws {
        try await Lab.with { lab in
            let any = ["tcp", "udp"].map {
                Service(name: "any-\($0)", vip: "10.9.9.1", port: 9, transport: $0, backends: Service.webs(3))
            }
            let sticky = Way(name: "sticky", vip: "10.9.9.2", forward: "ipip").services(more: ["hash: source-ip"])
            try lab.edge.configure([])
            let document = Service.document(any + sticky).replacing("port: 9,", with: "port: any,")
            try lab.edge.write(document, to: "services.yaml")
            try await lab.edge.start()

            let requests = try await lab.requests(60, to: "10.9.9.1")
            #expect(requests.failed == 0 && requests.backends.count == 3, "any port, TCP: \(requests)")
            let datagrams = try await lab.datagrams(40, to: "10.9.9.1")
            #expect(datagrams.failed == 0 && datagrams.backends.count == 3, "any port, UDP: \(datagrams)")

            let kept = try await lab.requests(60, to: "10.9.9.2")
            #expect(kept.failed == 0 && kept.backends.count == 1, "source-ip, TCP: \(kept)")
            let keptDatagrams = try await lab.datagrams(20, to: "10.9.9.2")
            #expect(keptDatagrams.failed == 0 && keptDatagrams.backends.count == 1, "source-ip, UDP: \(keptDatagrams)")
        }
    }

    @Test func `a client that an access list refuses gets nothing, and is counted`() async throws {
        let rows: [(name: String, vip: String, list: String, isServed: Bool)] = [
            ("denied-4", "10.9.9.1", "deny: [ 198.51.100.0/24 ]", false),
            ("unlisted-4", "10.9.9.2", "allow: [ 203.0.113.0/24 ]", false),
            ("listed-4", "10.9.9.3", "allow: [ 198.51.100.7/32 ]", true),
            ("other-4", "10.9.9.4", "deny: [ 203.0.113.0/24 ]", true),
            ("denied-6", "2001:db8:9::1", "deny: [ \"2001:db8:1::/64\" ]", false),
            ("listed-6", "2001:db8:9::2", "allow: [ \"2001:db8:1::7/128\" ]", true),
        ]
        try await Lab.with { lab in
            try lab.edge.configure(
                rows.map { row in
                    Service(
                        name: row.name, vip: row.vip, backends: Service.webs(3, family: row.vip.contains(":") ? 6 : 4),
                        more: [row.list])
                })
            try await lab.edge.start()
            for row in rows {
                let tally =
                    row.isServed ? try await lab.requests(20, to: row.vip) : try await lab.vainRequests(2, to: row.vip)
                #expect(tally.failed == (row.isServed ? 0 : 2), "\(row.name): \(tally)")
                let denied = try await lab.edge.packets(of: row.name)["denied"] ?? 0
                #expect((denied > 0) == !row.isServed, "\(row.name): \(denied) denied")
            }
        }
    }

    @Test func `echo requests to a VIP are answered, and large datagrams reach a backend whole`() async throws {
        let ways = [
            Way(name: "four", vip: "10.9.9.1", forward: "ipip"),
            Way(name: "six", vip: "2001:db8:9::1", forward: "gue", outer: 6),
        ]
        try await Lab.with { lab in
            try lab.edge.configure(ways.flatMap { $0.services() })
            try await lab.edge.start()
            for way in ways {
                #expect(try await lab.pings(5, to: way.vip) == 5, "\(way.name)")
                #expect(try await lab.edge.packets(of: "\(way.name)-tcp")["echo-reply"] == 5, "\(way.name)")
                for size in [1_480, 4_000, 16_000] {
                    let tally = try await lab.datagrams(20, to: way.vip, size: size)
                    #expect(tally.failed == 0, "\(way.name), \(size) bytes: \(tally)")
                }
                #expect(try await lab.edge.packets(of: "\(way.name)-udp")["later-fragment"] ?? 0 > 0, "\(way.name)")
            }
        }
    }

    private func carries(_ way: Way, in lab: Lab) async throws {
        let requests = try await lab.requests(100, to: way.vip)
        #expect(requests.failed == 0 && requests.backends.count == 3, "\(way.name): \(requests)")
        let datagrams = try await lab.datagrams(20, to: way.vip)
        #expect(datagrams.failed == 0 && datagrams.backends.count > 1, "\(way.name): \(datagrams)")
        let sent = try await lab.digest(ofFirst: Self.bulk)
        #expect(try await lab.download(Self.bulk, from: way.vip) == sent, "\(way.name): the download differs")
        #expect(try await lab.upload(Self.bulk, to: way.vip) == sent, "\(way.name): the upload differs")
        let forwarded = try await lab.edge.packets(of: "\(way.name)-tcp")["settled"] ?? 0
        #expect(forwarded > 100, "\(way.name): \(forwarded) packets forwarded")
    }
}
