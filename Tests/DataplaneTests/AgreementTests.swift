// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import Model
import TestSupport
import Testing

@testable import Dataplane

/// Swift's choice against the running program's, as dry runs.
@Suite(.requires("root", "bpf", "clang")) struct AgreementTests {
    private static let flows = 100_000

    private struct Choice {
        let placed: PlacedService
        let current: [UInt16]
        let previous: [UInt16]
    }

    @Test func `Swift and the kernel choose alike for 100,000 random flows, in settled and unsettled slots`() throws {
        let seed = UInt64.random(in: .min ... .max)
        print("agreement: seed \(seed)")
        var random = SplitMix(seed: seed)
        var fleet = Fleet()
        fleet.seed = random.next()
        fleet.adjust = {
            if ["source", "sticky"].contains($0.name) { $0.flowKey = .sourceIP }
            if $0.name == "large" { $0.tableSize = .large }
            if $0.name == "six" { $0.tableSize = .medium }
            $0.udpIdle = .seconds(3600)
            $0.forwarding = $0.name == "dns" ? .gue : .ipip
        }
        let before = [
            "web 10.9.9.9:80/tcp -> a, b, c w3, d", "six [2001:db8::9]:443/tcp -> e, f, g",
            "dns 10.9.9.9:53/udp -> h, i",
            "source 10.9.9.8:any/tcp -> j, k, l", "large [2001:db8::8]:any/udp -> m, n, o",
            "sticky 10.9.9.7:80/tcp -> p, q",
        ]
        let after = [
            "web 10.9.9.9:80/tcp -> a, c w3, d, z", "six [2001:db8::9]:443/tcp -> e, f, g",
            "dns 10.9.9.9:53/udp -> h, i, y",
            "source 10.9.9.8:any/tcp -> j, k, l, x", "large [2001:db8::8]:any/udp -> m, n",
            "sticky 10.9.9.7:80/tcp -> p, q, r",
        ]
        let bench = try Bench()
        let installation = try bench.started()
        for services in [before, after] {
            let generation = try fleet.next(services)
            _ = try installation.apply(generation, on: Host.view(generation))
            try installation.finish()
        }
        let generation = try #require(fleet.generation)
        let kernel = try bench.kernel()
        let choices = try choices(generation, kernel)
        var unsettled = 0
        var wrong: [String] = []
        for _ in 0..<Self.flows {
            guard let choice = choices.randomElement(using: &random) else { break }
            let packet = packet(to: choice.placed.service.vip, &random)
            let answer = try kernel.ask(packet).trace
            let word = wanted(packet, choice, generation)
            let expected = backend(packet, word)
            if word.isUnsettled { unsettled += 1 }
            let flow = flow(of: packet, choice, generation)
            let isAlike = answer.flow == flow.hash && Int(answer.slot) == slot(of: flow, choice)
            if answer.backend != UInt32(expected) || answer.word != word.rawValue || !isAlike {
                wrong.append("\(packet): \(answer)")
            }
            if wrong.count > 3 { break }
        }
        #expect(wrong == [])
        #expect(unsettled > Self.flows / 20)
    }

    @Test func `a program agrees where an any-port VIP stands beside VIPs with a port at the same address`() throws {
        let bench = try Bench()
        let installation = try bench.started()
        var fleet = Fleet()
        // Which entry the program is asked for is the hash's choice.
        var asked: Set<UInt16> = []
        for address in (1...8).map({ "10.9.9.\($0)" }) {
            let generation = try fleet.next(
                ["all \(address):any/tcp -> a, b", "one \(address):1/tcp -> c", "web \(address):80/tcp -> d"])
            _ = try installation.apply(generation, on: Host.view(generation))
            try installation.finish()
            let entry = try bench.kernel().memory { $0.activeEntries() }.first { $0.value != nil }
            if let vip = entry?.value { asked.insert(vip.port) }
            let program = try #require(installation.loaded)
            #expect(throws: Never.self) { try Agreement(paths: installation.paths).check(program) }
        }
        #expect(asked.contains(0))
    }

    private func choices(_ generation: Generation, _ kernel: KernelState) throws -> [Choice] {
        try kernel.vips().map { entry in
            let placed = try #require(generation.services.first { $0.id == entry.service })
            let tables = placed.tables(down: [])
            return Choice(placed: placed, current: tables.current, previous: tables.previous)
        }
    }

    private func packet(to vip: VIP, _ random: inout SplitMix) -> MadePacket {
        let source =
            vip.address.isIPv4
            ? IPAddress(v4: 0xc000_0000 | UInt32.random(in: 0..<0x0100_0000, using: &random))
            : IPAddress(
                high: 0x2001_0db8_0000_0000 | UInt64.random(in: 0..<0x1_0000_0000, using: &random), low: random.next())
        let kind: MadePacket.Kind = vip.transport == .udp ? .udp : Bool.random(using: &random) ? .tcpSYN : .tcpACK
        let port = vip.port == 0 ? UInt16.random(in: 1 ... .max, using: &random) : vip.port
        return MadePacket(
            source: source, sourcePort: .random(in: 1 ... .max, using: &random), destination: vip.address,
            destinationPort: port, kind: kind)
    }

    /// From the generation alone: both tables, and unsettled where they differ.
    private func wanted(_ packet: MadePacket, _ choice: Choice, _ generation: Generation) -> SlotWord {
        let slot = slot(of: flow(of: packet, choice, generation), choice)
        return SlotWord(
            current: choice.current[slot], previous: choice.previous[slot],
            unsettled: choice.current[slot] != choice.previous[slot])
    }

    private func flow(of packet: MadePacket, _ choice: Choice, _ generation: Generation) -> Flow {
        Flow(
            client: packet.source, clientPort: packet.sourcePort, vipPort: packet.destinationPort,
            service: choice.placed, seed: generation.seed)
    }

    private func slot(of flow: Flow, _ choice: Choice) -> Int { flow.slot(in: choice.placed.service.tableSize) }

    private func backend(_ packet: MadePacket, _ word: SlotWord) -> UInt16 {
        word.isUnsettled && packet.kind != .tcpSYN ? word.previous : word.current
    }
}
