// SPDX-License-Identifier: Apache-2.0

import CDataplane
import EventLoop
import Model
import Relay
import TestSupport
import Testing

@testable import Dataplane

/// The sockets' choice against the running program's, as dry runs.
@Suite(.requires("root", "bpf", "clang")) struct RelayAgreementTests {
    private static let before = [
        "web 10.9.9.9:80/tcp -> a, b, c w3, d", "six [2001:db8::9]:443/tcp -> e, f, g",
        "dns 10.9.9.9:53/udp -> h, i", "sticky 10.9.9.7:80/tcp -> p, q",
    ]
    private static let after = [
        "web 10.9.9.9:80/tcp -> a, c w3, d draining, z", "six [2001:db8::9]:443/tcp -> e, g",
        "dns 10.9.9.9:53/udp -> h, i, y", "sticky 10.9.9.7:80/tcp -> p, q, r",
    ]

    @Test func `sockets choose the backend that the program gives a SYN or datagram, for 100,000 flows`() throws {
        var random = SplitMix(for: "relay agreement")
        var fleet = Fleet()
        fleet.seed = random.next()
        fleet.adjust = {
            if $0.name == "sticky" { $0.flowKey = .sourceIP }
            if $0.name == "six" { $0.tableSize = .large }
            $0.udp = .stateless
        }
        let bench = try Bench()
        let installation = try bench.started()
        for services in [Self.before, Self.after] {
            let generation = try fleet.next(services)
            _ = try installation.apply(generation, on: Host.view(generation))
            try installation.finish()
        }
        let generation = try #require(fleet.generation)
        let kernel = try bench.kernel()
        let services = Array(RelayTable(generation).services.values)
        var wrong: [String] = []
        for _ in 0..<100_000 where wrong.count < 4 {
            guard let service = services.randomElement(using: &random) else { break }
            let client = client(of: service.vip, &random)
            let packet = MadePacket(
                source: IPAddress(high: client.high, low: client.low), sourcePort: client.port,
                destination: service.vip.address, destinationPort: service.vip.port,
                kind: service.vip.transport == .udp ? .udp : .tcpSYN)
            let kernels = try kernel.ask(packet).trace.backend
            let ours = service.backend(of: service.flow(from: client)).map { service.backends[$0].id.rawValue }
            if UInt32(ours ?? 0) != kernels { wrong.append("\(packet): \(ours ?? 0), the program \(kernels)") }
        }
        #expect(wrong == [])
    }

    private func client(of vip: VIP, _ random: inout SplitMix) -> SocketAddress {
        let port = UInt16.random(in: 1 ... .max, using: &random)
        if vip.address.isIPv4 {
            return SocketAddress(v4: 0xc000_0000 | UInt32.random(in: 0..<0x0100_0000, using: &random), port: port)
        }
        let high = 0x2001_0db8_0000_0000 | UInt64.random(in: 0..<0x1_0000_0000, using: &random)
        return SocketAddress(high: high, low: random.next(), port: port)
    }
}
