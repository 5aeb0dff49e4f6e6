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
            let full = try FullLine()
            // What stands in way 5.
            let cases: [(name: String, record: UInt64)] = [
                ("a free one", 0), ("a void one", full.record(isEstablished: true, age: 3700)),
                ("an unfinished handshake", full.record(isEstablished: false)),
            ]
            for (name, record) in cases {
                try full.fill(with: record)
                try full.connect()
                let held = full.fingerprint(line: full.flow.recordLines.home)
                #expect(held == full.flow.fingerprint, "\(name) does not give way")
                #expect(full.evictions() == [], "\(name): evictions counted")
            }
        }

        @Test func `a flow that finds its line full of established ones is recorded in its spill line`() throws {
            let full = try FullLine()
            let old = full.record(isEstablished: true, age: 100)
            try full.fill(with: old)
            try full.connect()
            #expect(full.stage.record(of: full.flow) != 0)
            #expect(full.stage.records(line: full.flow.recordLines.home).count == Int(RECORDS_PER_LINE))
            #expect(full.stage.records(line: full.flow.recordLines.spill).count == 1)
            #expect(full.evictions() == [])
            // Its next packet finds it there, where a flow without record would go to the slot's previous backend.
            #expect(try full.run(full.packet.with(.ack)) == REASON_RECORDED)
        }

        @Test func `with both lines full the oldest flow of them gives way and is counted`() throws {
            let full = try FullLine()
            let lines = full.flow.recordLines
            let (old, young) = (full.record(isEstablished: true, age: 900), full.young(5))
            for (oldest, other) in [(lines.home, lines.spill), (lines.spill, lines.home)] {
                try full.fill(with: oldest == lines.home ? old : young)
                try full.fillSpillLine(with: oldest == lines.spill ? old : young)
                try full.connect()
                #expect(full.fingerprint(line: oldest) == full.flow.fingerprint)
                #expect(full.fingerprint(line: other) == UInt32(truncatingIfNeeded: young))
                #expect(full.evictions() == [1])
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
                stage.setRecord(record, line: flow.recordLines.home, way: 3)
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
