// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model
import TestSupport
import Testing

@testable import Dataplane

extension PacketTests {
    /// What no row can show: it is not of the packet.
    @MainActor struct ExceptionTests {
        @Test func `a driver without headroom makes drops with a reason`() throws {
            let stage = try Stage.whole()
            for packet in [
                Row.web(), Row.web6(), Row.vip(4, 443), Row.vip6(4), Row.web().sized(1500), Row.web6().sized(1500),
            ] {
                try stage.reset()
                guard let result = try stage.runCramped(packet.frame) else {
                    print("no room for metadata: this kernel cannot show a lack of headroom")
                    return
                }
                #expect(result.verdict == XDP.drop)
                #expect(stage.serviceCounts().map(\.reason) == [REASON_NO_HEADROOM.rawValue])
                #expect(stage.backendCounts().isEmpty)
            }
        }

        @Test func `L2 needs no headroom`() throws {
            let stage = try Stage.whole()
            try stage.reset()
            guard let result = try stage.runCramped(Row.vip(6).frame) else { return }
            #expect(result.verdict == XDP.transmit)
            #expect(stage.serviceCounts().map(\.reason) == [REASON_SETTLED.rawValue])
        }

        @Test func `a port that has gone is no next hop`() throws {
            let stage = try Stage.whole(attached: [Fleet.edge, Fleet.second])
            let ports = stage.image.ports.interfaces
            for key in ports.keys { try stage.maps.ports.delete(key) }
            for (packet, service) in [(Row.web(), "web"), (Row.web6(), "web6"), (Row.vip(6), "wire")] {
                var judge = Judge(Row("", packet, .dropped(REASON_NO_NEXT_HOP), service), on: stage)
                try judge.run()
                #expect(judge.faults.isEmpty)
            }
            for (key, interface) in ports { try stage.maps.ports.update(key, interface) }
        }

        @Test func `only fragments to addresses that have VIPs are remembered`() throws {
            let stage = try Stage.whole()
            try stage.reset()
            let passed: [Packet] = [
                .tcp(Row.client, 1, to: "203.0.113.99", 444, payload: 200),
                .tcp(Row.client6, 1, to: "2001:db8:1::99", 444, payload: 200),
                .raw(Row.client, to: "203.0.113.99", 47, .counting(200)),
            ]
            for packet in passed {
                let (first, later) = packet.fragments(at: 120)
                #expect(try stage.run(first.frame).verdict == XDP.pass)
                #expect(try stage.run(later.frame).verdict == XDP.pass)
            }
            #expect(try stage.fragmentCount() == 0)
            let other = Packet.tcp(Row.client, 1, to: "203.0.113.1", 444, payload: 200)
            _ = try stage.run(other.fragments(at: 120).first.frame)
            #expect(try stage.fragmentCount() == 1)
        }

        @Test func `a drop leaves a sample of its headers`() throws {
            let stage = try Stage.whole()
            for packet in [Row.web().with { $0.length = 0 }, Row.vip(8), Row.vip(12).sized(1000)] {
                try stage.reset()
                _ = try stage.run(packet.frame)
                let events = stage.events()
                try #require(events.count == 1)
                let counted = try #require(stage.serviceCounts().first)
                #expect(UInt32(events[0].reason) == counted.reason && Int(events[0].service) == counted.key)
                #expect(events[0].ifindex == Fleet.edge.index)
                #expect(Int(events[0].length) == packet.frame.count)
                let captured = withUnsafeBytes(of: events[0].bytes) { Array($0.prefix(Int(events[0].captured))) }
                #expect(captured == Array(packet.frame.prefix(Int(EVENT_BYTES))))
            }
        }

        @Test func `samples are limited, counters are not`() throws {
            let stage = try Stage.whole()
            try stage.reset()
            let frames = 3 * Int(EVENT_RATE_PER_SECOND)
            for _ in 0..<frames { _ = try stage.run(Row.vip(8).frame) }
            #expect(stage.serviceCounts().map(\.packets) == [UInt64(frames)])
            let events = stage.events()
            #expect(!events.isEmpty && events.count <= stage.maps.events.count)
            #expect(events.allSatisfy { UInt32($0.reason) == REASON_NO_BACKEND.rawValue })
        }

        @Test func `what passes and what is forwarded leaves no sample`() throws {
            let stage = try Stage.whole()
            try stage.reset()
            for packet in [Row.web(), Row.vip(7), .tcp(Row.client, 1, to: "203.0.113.99", 80)] {
                _ = try stage.run(packet.frame)
            }
            #expect(stage.events().isEmpty)
        }
    }
}
