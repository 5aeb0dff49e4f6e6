// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model
import TestSupport
import Testing

@testable import Dataplane

extension PacketTests {
    @MainActor struct UnsettledTests {
        @Test func `flows of unsettled slots go as the rules say`() throws {
            let stage = try Stage.whole()
            for story in Story.all {
                var play = Play(story, on: stage)
                do { try play.run() } catch { Issue.record("\(story.name): \(error)") }
                if !play.faults.isEmpty { Issue.record("\(story.name): \(play.faults.joined(separator: "; "))") }
            }
        }

        @Test func `a full line of records gives way by rank`() throws {
            let stage = try Stage.whole()
            let packet = try stage.packet(of: "moving", from: "a", to: "d").with(.syn)
            let flow = try stage.flow(packet, of: "moving")
            let b = try stage.backend("b", of: "moving").id.rawValue
            func fill(_ special: UInt64, at way: Int) throws {
                try stage.reset()
                for other in 0..<Int(RECORDS_PER_LINE) where other != way {
                    let record = stage.record(
                        fingerprint: UInt32(other + 1), backend: b, isEstablished: true, age: 100)
                    stage.setRecord(record, line: flow.recordLine, way: other)
                }
                stage.setRecord(special, line: flow.recordLine, way: way)
            }
            // What stands in way 5, and whether its giving way is counted as an eviction.
            let cases: [(name: String, record: UInt64, isEvicted: Bool)] = [
                ("a free one", 0, false),
                ("a void one", stage.record(fingerprint: 99, backend: b, isEstablished: true, age: 3700), false),
                ("an unfinished handshake", stage.record(fingerprint: 99, backend: b, isEstablished: false), false),
                ("the oldest flow", stage.record(fingerprint: 99, backend: b, isEstablished: true, age: 900), true),
            ]
            for (name, record, isEvicted) in cases {
                try fill(record, at: 5)
                _ = try stage.run(packet.frame)
                let new = stage.maps.records.load64(element: flow.recordLine, offset: 40)
                #expect(UInt32(truncatingIfNeeded: new) == flow.fingerprint, "\(name) does not give way")
                #expect(stage.records(of: flow).count == 8)
                let evictions = stage.serviceCounts().filter { $0.reason == REASON_RECORD_EVICTED.rawValue }
                #expect(evictions.map(\.packets) == (isEvicted ? [1] : []), "\(name): evictions counted")
            }
        }

        @Test func `a dry run in an unsettled slot says all and changes nothing`() throws {
            let stage = try Stage.whole(attached: [Fleet.second])
            try stage.reset()
            let packet = try stage.packet(of: "moving", from: "a", to: "d")
            let flow = try stage.flow(packet, of: "moving")
            let line = try stage.line(of: flow, in: "moving")
            stage.setTimes(of: line, used: 7, changed: 8)
            let d = try stage.backend("d", of: "moving").id.rawValue
            let record = stage.record(fingerprint: flow.fingerprint, backend: d, isEstablished: false)
            let cases: [(Transport.Segment.Flags, UInt64, reason, String)] = [
                (.syn, 0, REASON_NEW, "d"), (.ack, 0, REASON_PREVIOUS, "a"), (.ack, record, REASON_RECORDED, "d"),
                (.syn, record, REASON_RECORDED, "d"),
            ]
            for (flags, record, reason, name) in cases {
                stage.setRecord(record, line: flow.recordLine, way: 3)
                let row = Row("", packet.with(flags), .forwarded(reason, to: .named(name)), "moving")
                var judge = Judge(row, on: stage)
                try judge.runDryOn()
                #expect(judge.faults.isEmpty)
                let explanation = stage.maps.explanation[0]
                #expect(explanation.flow == flow.hash)
                #expect(Int(explanation.slot) == flow.slot(in: .small))
                #expect(try SlotWord(rawValue: explanation.word) == stage.word(of: flow, in: "moving"))
                #expect(explanation.record == record)
                #expect(try explanation.backend == UInt32(stage.backend(name, of: "moving").id.rawValue))
                #expect(explanation.used == 7 && explanation.changed == 8)
            }
        }
    }
}
