// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import Model
import TestSupport
import Testing

@testable import Dataplane

/// Plans and readers on the kernel's own maps, with the running program as the judge.
@Suite(.requires("root", "bpf", "clang")) struct KernelStateTests {
    private static let web = "web 10.9.9.9:80/tcp -> a, b, c"
    private static let dns = "dns 10.9.9.9:53/udp -> d, e"

    private func ack(_ port: UInt16, _ kind: MadePacket.Kind = .tcpACK) throws -> MadePacket {
        MadePacket(
            source: try #require(IPAddress("198.51.100.7")), sourcePort: port,
            destination: try #require(IPAddress("10.9.9.9")), destinationPort: kind == .udp ? 53 : 80, kind: kind)
    }

    @Test func `on real maps a plan cut after every step leaves every flow a backend`() throws {
        let bench = try Bench()
        let installation = try bench.started()
        var fleet = Fleet()
        let before = try fleet.next([Self.web, Self.dns])
        _ = try installation.apply(before, on: Host.view(before))
        try installation.finish()
        let after = try fleet.next(["web 10.9.9.9:80/tcp -> a, c, f", "api 10.9.9.8:80/tcp -> g"])
        let images = (try Host.image(before), try Host.image(after))
        let kernel = try bench.kernel()
        let memory = kernel.maps.memory(try KernelKeyedMaps(kernel.maps))
        let side = ReadingSide(memory: memory)
        for cut in 0... {
            try memory.apply(images.0)
            let count = try memory.apply(images.1, steps: cut) { step in
                #expect(side.faults() == [], "after \(step.name)")
            }
            for port in 1000..<1100 {
                let answer = try kernel.ask(try ack(UInt16(port)))
                #expect(answer.verdict == .transmit, "\(Reason(rawValue: Int(answer.trace.reason)))")
            }
            try memory.apply(images.1)
            #expect(try Verify.differences(after, kernel: kernel) == [])
            if cut > count { break }
        }
    }

    @Test func `packets are counted by service, reason and backend, and a dry run by none`() throws {
        let bench = try Bench()
        let installation = try bench.started()
        var fleet = Fleet()
        let generation = try fleet.next([Self.web, Self.dns])
        _ = try installation.apply(generation, on: Host.view(generation))
        let kernel = try bench.kernel()
        let program = try #require(kernel.program)
        let service = try #require(generation.service(named: "web")).id
        _ = try kernel.explain(try ack(1000))
        #expect(kernel.counts(of: service) == [:])
        var frame = try ack(1000).frame(nonce: 0)
        frame[6] = 0x02
        for _ in 0..<5 { _ = try program.program.testRun(TestRun(data: frame)) }
        let backend = try #require(try kernel.explain(try ack(1000)).backend)
        let wanted = Count(packets: 5, bytes: 5 * 54)
        #expect(kernel.counts(of: service) == [Reason(REASON_SETTLED): wanted])
        #expect(kernel.counts()[Reason(REASON_SETTLED)] == wanted)
        #expect(kernel.count(of: backend) == wanted)
    }

    @Test func `dropped packets leave a sample with reason and service`() throws {
        let bench = try Bench()
        let installation = try bench.started()
        var fleet = Fleet()
        fleet.adjust = { $0.deny = [IPPrefix("198.51.100.0/24")].compactMap { $0 } }
        let generation = try fleet.next([Self.web])
        _ = try installation.apply(generation, on: Host.view(generation))
        let kernel = try bench.kernel()
        var frame = try ack(1000).frame(nonce: 0)
        frame[6] = 0x02
        _ = try #require(kernel.program).program.testRun(TestRun(data: frame))
        let dropped = try #require(kernel.droppedPackets().first)
        #expect(dropped.reason == Reason(REASON_DENIED))
        #expect(dropped.service == generation.services[0].id)
        #expect(dropped.bytes == frame)
        #expect(FrameSummary(dropped.bytes)?.description == "tcp 198.51.100.7:1000 > 10.9.9.9:80")
        #expect(kernel.droppedPackets(after: dropped.time).isEmpty)
    }

    @Test func `an explanation says where a packet goes, where a new connection would, and what would leave`() throws {
        let bench = try Bench()
        let installation = try bench.started()
        var fleet = Fleet()
        _ = try installation.apply(try fleet.next([Self.web]), on: Host.view(try fleet.next([Self.web])))
        let generation = try fleet.next(["web 10.9.9.9:80/tcp -> a, c"])
        _ = try installation.apply(generation, on: Host.view(generation))
        let kernel = try bench.kernel()
        let draining = try #require(generation.id("web", "b"))
        var explanation: Explanation?
        for port in UInt16(1000)..<2000 {
            let answer = try kernel.explain(try ack(port))
            if answer.backend == draining {
                explanation = answer
                break
            }
        }
        let found = try #require(explanation)
        #expect(found.reason == Reason(REASON_PREVIOUS))
        #expect(found.slot?.isUnsettled == true && found.slot?.previous == draining)
        #expect(found.newConnection == found.slot?.current)
        #expect(found.output?.encapsulation == "IPIP")
        #expect(found.output?.length == found.inputLength + 20)
        let lines = found.lines(in: generation).map { "\($0.subject): \($0.text)" }
        #expect(lines[0] == "service: web, 10.9.9.9:80/tcp, generation 1.2")
        #expect(lines[1].hasSuffix("(b is draining)"))
        #expect(lines[2].hasSuffix("no record, so a flow older than the change goes to the previous backend"))
        #expect(lines[3].hasPrefix(": a new connection (SYN) would go to "))
        #expect(lines[4].contains("54 → 74 bytes"))
    }

    @Test func `an explanation says where other connections of the client share the slot`() throws {
        let bench = try Bench()
        let installation = try bench.started()
        var fleet = Fleet()
        fleet.adjust = { if $0.name == "dns" { $0.flowKey = .sourceIP } }
        let generation = try fleet.next(["web 10.9.9.9:any/tcp -> a, b", Self.dns])
        _ = try installation.apply(generation, on: Host.view(generation))
        let kernel = try bench.kernel()
        func slot(_ packet: MadePacket) throws -> String? {
            try kernel.explain(packet).lines(in: generation).first { $0.subject == "slot" }?.text
        }
        let web = try slot(ack(1000))
        #expect(web?.hasSuffix(" by the client's address and port, whatever the VIP's, settled") == true)
        #expect(try slot(ack(1000, .udp))?.hasSuffix(" by the client's address alone, settled") == true)
    }

    @Test func `a recorded flow is found by its hash, and swept when its backend is gone`() throws {
        let bench = try Bench()
        let installation = try bench.started()
        var fleet = Fleet()
        _ = try installation.apply(try fleet.next([Self.web]), on: Host.view(try fleet.next([Self.web])))
        let generation = try fleet.next(["web 10.9.9.9:80/tcp -> a, b, c, f"])
        _ = try installation.apply(generation, on: Host.view(generation))
        let kernel = try bench.kernel()
        let program = try #require(kernel.program)
        let new = try #require(generation.id("web", "f"))
        var recorded: Flow?
        for port in UInt16(1000)..<2000 where recorded == nil {
            var frame = try ack(port, .tcpSYN).frame(nonce: 0)
            frame[6] = 0x02
            _ = try program.program.testRun(TestRun(data: frame))
            let answer = try kernel.explain(try ack(port))
            if answer.record != nil {
                recorded = Flow(
                    client: answer.packet.source, clientPort: port, vipPort: 80,
                    service: try #require(generation.service(named: "web")), seed: generation.seed)
            }
        }
        let flow = try #require(recorded)
        let record = try #require(kernel.record(of: flow))
        #expect(!record.isEstablished && record.age <= 8)
        #expect(kernel.records().contains(record) && kernel.recordCount() >= 1)
        // Its drain comes first, then its end.
        for _ in 0..<2 {
            let without = try fleet.next([Self.web])
            _ = try installation.apply(without, on: Host.view(without))
            fleet.time += 100_000
        }
        try installation.finish()
        #expect(kernel.records().allSatisfy { $0.backend != new })
    }

    @Test func `slots settle after flow-idle and the service is reported then`() throws {
        let bench = try Bench()
        let installation = try bench.started()
        var fleet = Fleet()
        for services in [[Self.web, Self.dns], ["web 10.9.9.9:80/tcp -> a, c", Self.dns]] {
            let generation = try fleet.next(services)
            _ = try installation.apply(generation, on: Host.view(generation))
        }
        let tables = try #require(installation.tables)
        let now = MonotonicClock.seconds()
        #expect(try tables.settle(now: now) == ["dns"])
        #expect(installation.status.unsettled == ["web"])
        #expect(try tables.settle(now: now + 3600 + UInt32(SETTLE_MARGIN) + 2) == ["dns", "web"])
        let entry = try #require(try bench.kernel().vips().first { $0.vip.transport == .tcp })
        #expect(try bench.kernel().slots(of: entry).allSatisfy { !$0.isUnsettled && $0.previous == $0.current })
    }

    @Test func `of two interfaces with one place the report names the one that is steered`() throws {
        let bench = try Bench()
        let installation = try bench.started()
        var fleet = Fleet()
        let generation = try fleet.next([Self.web])
        let rival = NetworkInterface(
            index: Host.eth0.index + UInt32(INTERFACES_MAX), name: "eth9", address: Host.eth0.address, mtu: 1500,
            isVirtual: false)
        let report = try installation.apply(generation, on: Host.view(generation, interfaces: [Host.eth0, rival]))
        #expect(report.steered == [Host.eth0])
        #expect(report.attachments.map(\.interface) == ["eth0", "eth9"])
    }

    @Test func `reasons have names, all of them`() {
        for number in 1..<Int(REASON_COUNT.rawValue) {
            #expect(!Reason(rawValue: number).name.hasPrefix("reason-"), "\(number)")
        }
        #expect(Set(Reason.all.map(\.name)).count == Reason.all.count)
    }

    @Test func `pins of nobody are told so`() throws {
        let error = #expect(throws: BPFError.self) { try KernelState.open(bpfRoot: "/sys/fs/bpf/sluice-test-nobody") }
        #expect(error?.description.contains("sluiced has not run with this bpf-root") == true)
    }
}
