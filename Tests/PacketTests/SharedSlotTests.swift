// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model
import TestSupport
import Testing

@testable import Dataplane

extension PacketTests {
    /// Connections of one client that share an unsettled slot and nothing else.
    @MainActor struct SharedSlotTests {
        @Test(arguments: ["movingsticky", "movingany"])
        func `older connections stay where they are while a new one goes to current`(service: String) throws {
            let stage = try Stage.whole()
            try stage.reset()
            let packets = try connections(501, to: service, on: stage)
            let (old, recorded, new) = (packets[..<250], packets[250..<500], packets[500])
            let flow = try stage.flow(new, of: service)
            let word = try stage.word(of: flow, in: service)
            try stage.move(flow, of: service, from: "a", to: "c")
            for packet in recorded { _ = try stage.run(packet.with(.syn).frame) }
            try stage.move(flow, of: service, from: "a", to: "d")
            try expect(new.with(.syn), REASON_NEW, at: "d", of: service, on: stage)
            for packet in old { try expect(packet, REASON_PREVIOUS, at: "a", of: service, on: stage) }
            for packet in recorded { try expect(packet, REASON_RECORDED, at: "c", of: service, on: stage) }
            try expect(new, REASON_RECORDED, at: "d", of: service, on: stage)
            try stage.setWord(word, of: flow, in: service)
        }

        @Test(arguments: ["movingsticky", "movingany"])
        func `connections of one client come from many outer sources`(service: String) throws {
            let stage = try Stage.whole()
            try stage.reset()
            let sources = try connections(500, to: service, on: stage).map { packet in
                try OuterPacket(try stage.run(packet.with(.syn).frame).data).source
            }
            // Of 65,536 sources, 500 choices meet in two.
            #expect(Set(sources).count > 450)
        }

        /// They differ in the port that the service does not look at.
        private func connections(_ count: Int, to service: String, on stage: Stage) throws -> [Packet] {
            let first = try stage.packet(of: service, from: "a", to: "d")
            let isAnyPort = try stage.service(service).placed.service.vip.port == 0
            let packets = (0..<count).map { number in
                first.with {
                    guard case .tcp(var segment) = $0.transport else { return }
                    if isAnyPort {
                        segment.destination = UInt16(20_000 + number)
                    } else {
                        segment.source = UInt16(20_000 + number)
                    }
                    $0.transport = .tcp(segment)
                }
            }
            let slots = try packets.map { try stage.flow($0, of: service).slot(in: .small) }
            #expect(Set(slots).count == 1)
            return packets
        }

        private func expect(
            _ packet: Packet, _ reason: reason, at backend: String, of service: String, on stage: Stage
        ) throws {
            var judge = Judge(Row("", packet, .forwarded(reason, to: .named(backend)), service), on: stage)
            try judge.runOn()
            #expect(judge.faults == [], "\(packet.transport)")
        }
    }
}
