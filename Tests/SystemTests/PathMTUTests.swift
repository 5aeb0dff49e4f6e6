// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// Packets that are too large somewhere on their way: a bulk transfer shows what small requests hide.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl"))
struct PathMTUTests {
    private static let bulk = 25_000_000

    private static let services = [
        Service(name: "four", vip: "10.9.9.1", backends: Service.webs(3)),
        Service(name: "six", vip: "2001:db8:9::1", backends: Service.webs(3, family: 6)),
        Service(name: "gue", vip: "10.9.9.2", forward: "gue", backends: Service.webs(3)),
        Service(name: "mixed", vip: "10.9.9.3", backends: Service.webs(3, family: 6)),
    ]

    /// The errors go to the VIP, so to an edge; steered like any packet, most would reach a backend that sent nothing.
    @Test func `errors of a narrow path to the client reach the backend whose packets were too large`() async throws {
        try await Lab.with { lab in
            try lab.edge.configure(Self.services)
            try await lab.edge.start()
            let sent = try await lab.digest(ofFirst: Self.bulk)
            for (family, network) in [("-4", "198.51.100.0/24"), ("-6", "2001:db8:1::/64 proto kernel metric 256")] {
                let route = "ip \(family) route change \(network) dev client mtu lock 1300"
                try await lab.run("router", "/bin/sh", "-c", route)
            }
            // Not GUE and 4in6 over the same path: the backends know it by then.
            for service in Self.services.prefix(2) {
                // Each backend learns for itself: as many downloads as make it likely that each is asked.
                for _ in 0..<6 {
                    #expect(try await lab.download(Self.bulk, from: service.vip) == sent, "\(service.name): it differs")
                }
                #expect(try await lab.upload(Self.bulk, to: service.vip) == sent, "\(service.name): the upload differs")
                let packets = try await lab.edge.packets(of: service.name)
                #expect(packets["icmp-relayed"] ?? 0 > 0, "\(service.name): \(packets)")
                #expect(packets["icmp-bad-inner"] ?? 0 == 0, "\(service.name): \(packets)")
            }
        }
    }

    @Test func `full-size packets on a fabric without room for the tunnel are answered, and complete`() async throws {
        try await Lab.with(fabricMTU: 1500) { lab in
            try lab.edge.configure(Self.services)
            try await lab.edge.start()
            let sent = try await lab.digest(ofFirst: Self.bulk)
            for service in Self.services {
                // What the client has learned from the VIP before is forgotten: each of them is another address.
                #expect(try await lab.upload(Self.bulk, to: service.vip) == sent, "\(service.name): the upload differs")
                #expect(
                    try await lab.download(Self.bulk, from: service.vip) == sent,
                    "\(service.name): the download differs")
                let packets = try await lab.edge.packets(of: service.name)
                #expect(packets["too-big-answered"] ?? 0 > 0, "\(service.name): \(packets)")
            }
        }
    }
}
