// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import Model
import TestSupport
import Testing

@testable import Dataplane

/// The kernel's maps as full as they can be: traffic goes on.
@Suite(.requires("root", "bpf", "clang"), .serialized) struct FullMapTests {
    private func packet(_ port: UInt16, to vip: String = "10.9.9.9", _ kind: MadePacket.Kind = .tcpSYN) throws
        -> MadePacket
    {
        MadePacket(
            source: try #require(IPAddress("198.51.100.7")), sourcePort: port,
            destination: try #require(IPAddress(vip)), destinationPort: 80, kind: kind)
    }

    @Test func `with every record a live flow's, new flows are forwarded and evictions counted`() throws {
        let bench = try Bench()
        let installation = try bench.started()
        var fleet = Fleet()
        let before = try fleet.next(["web 10.9.9.9:80/tcp -> a, b"])
        _ = try installation.apply(before, on: Host.view(before))
        let after = try fleet.next(["web 10.9.9.9:80/tcp -> a, b, c"])
        _ = try installation.apply(after, on: Host.view(after))
        let kernel = try bench.kernel()
        let program = try #require(kernel.program)
        let backend = UInt64(try #require(after.id("web", "a")).rawValue) << UInt64(RECORD_BACKEND_SHIFT)
        let time = UInt64(MonotonicClock.seconds() >> UInt32(RECORD_AGE_UNIT_SHIFT)) << UInt64(RECORD_AGE_SHIFT)
        let established: UInt64 = 1 << UInt64(RECORD_ESTABLISHED_SHIFT)
        kernel.memory { memory in
            for index in 0..<MapMemory.recordCount {
                memory.records[index] = backend | time | established | UInt64(index + 1)
            }
        }
        var unsettled: UInt64 = 0
        for port in UInt16(1000)..<1100 {
            if try kernel.explain(try packet(port)).slot?.isUnsettled == true { unsettled += 1 }
            var frame = try packet(port).frame(nonce: 0)
            frame[6] = 0x02
            #expect(try program.program.testRun(TestRun(data: frame)).verdict == Explanation.Verdict.transmit.rawValue)
        }
        #expect(unsettled > 0)
        #expect(kernel.recordCount() == MapMemory.recordCount)
        #expect(kernel.counts()[Reason(REASON_RECORD_EVICTED)]?.packets == unsettled)
    }

    @Test func `as many services as there are ids are all in force, and one more is refused`() throws {
        let bench = try Bench()
        let installation = try bench.started()
        var fleet = Fleet()
        let services = (0..<Int(SERVICES_MAX)).map { "s\($0) 10.\($0 / 256).\($0 % 256).1:80/tcp -> a" }
        let full = try fleet.next(services)
        let report = try installation.apply(full, on: Host.view(full))
        try installation.finish()
        #expect(report.isComplete && report.notes == [])
        let kernel = try bench.kernel()
        #expect(kernel.vips().count == Int(SERVICES_MAX))
        for number in [0, 255, 256, 511] {
            let vip = "10.\(number / 256).\(number % 256).1"
            #expect(try kernel.explain(try packet(1000, to: vip)).verdict == .transmit)
        }
        let error = #expect(throws: ValidationError.self) { try fleet.next(services + ["more 10.8.8.8:80/tcp -> a"]) }
        #expect(error?.description == "513 services: a host holds 512")
        #expect(try kernel.explain(try packet(1000, to: "10.1.255.1")).verdict == .transmit)
    }

    @Test func `as many backends as there are ids are all there, and one more is refused`() throws {
        let bench = try Bench()
        let installation = try bench.started()
        var fleet = Fleet()
        func services(_ last: Int) -> [String] {
            (0..<8).map { number in
                let names = (0..<(number == 7 ? last : 4096)).map { "b\($0)" }.joined(separator: ", ")
                return "s\(number) 10.9.9.\(number + 1):80/tcp -> \(names)"
            }
        }
        let error = #expect(throws: ValidationError.self) { try fleet.next(services(4096)) }
        #expect(error?.description == "32768 backends: a host holds 32767")
        let full = try fleet.next(services(4095))
        _ = try installation.apply(full, on: Host.view(full))
        let kernel = try bench.kernel()
        #expect(kernel.memory { memory in (1..<Int(BACKEND_IDS)).count { memory.backends[$0].isPresent } } == 32767)
        #expect(try kernel.explain(try packet(1000, to: "10.9.9.8")).verdict == .transmit)
    }
}
