// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@testable import Reconciler

struct SharedDocumentTests {
    private let digest = String(repeating: "ab", count: 32)

    private var rollout: Rollout {
        Rollout(
            id: "r1", state: .confirmed, hosts: ["edge-1"], from: digest, to: digest, canary: mark(2, 7),
            author: "eve (uid 1000)", at: 1000, remaining: 30, reason: "well", outcome: mark(2, 8))
    }

    @Test func `what the leader holds back is in its report, and nothing of it in the others'`() throws {
        var report = HostReport(host: "edge-1", instance: "i", beat: 4)
        let text = String(decoding: report.bytes, as: UTF8.self)
        #expect(!text.contains("held"))
        report.held = ["service web: the catalog would leave 0 of 3 active; 3 stay, held back by the brake"]
        #expect(try HostReport(bytes: report.bytes) == report)
    }

    @Test func `every document is read as it was written`() throws {
        let desired = DesiredDocument(version: 3, author: "eve", at: 5, document: "services: []\n", note: "rollback")
        #expect(try DesiredDocument(bytes: desired.bytes) == desired)
        let override = OverrideDocument(
            Override(service: "web", backend: "a", author: "eve", reason: "disk", expiry: 9), at: 5)
        #expect(try OverrideDocument(bytes: override.bytes) == override)
        let document = RolloutDocument(frozen: Freeze(author: "eve", at: 5, reason: "moving"), rollout: rollout)
        #expect(try RolloutDocument(bytes: document.bytes) == document)
        #expect(try RolloutDocument(bytes: RolloutDocument().bytes) == RolloutDocument())
        let history = HistoryDocument(
            entries: [.init(number: 4, desired: digest, version: 1, author: "eve", at: 5)])
        #expect(try HistoryDocument(bytes: history.bytes) == history)
        let report = HostReport(
            host: "edge-1", instance: "i", store: "fleet id", highWater: mark(2, 7), applied: mark(2, 6),
            fleetDigest: digest, down: [BackendName(service: "web", backend: "a")], settled: ["web"],
            isolated: ["dns"], drops: ["no backend": 4], mismatches: 1, verify: "slot 3", forks: 2, abandoned: "r1",
            beat: 77)
        #expect(try HostReport(bytes: report.bytes) == report)
    }

    @Test func `a fault is named with its place`() {
        func fault(_ text: String) -> String {
            do { return "\(try RolloutDocument(bytes: Array(text.utf8)))" } catch { return "\(error)" }
        }
        #expect(fault(#"{"schema":1,"thawed":true}"#) == "unknown key 'thawed'")
        #expect(fault(#"{}"#) == "'schema' is missing")
        #expect(
            fault(#"{"schema":1,"rollout":{"id":"r","state":"lost"}}"#)
                == "rollout.state: 'lost' is none of canary, confirmed, rolledBack")
        #expect(fault(#"{"schema":1,"#).hasPrefix("line 1, column "))
    }

    @Test func `a newer version's document is refused, and its report is read as far as it is known`() throws {
        let newer = #"{"schema":2,"moon":"full"}"#
        #expect(throws: CanonicalError(.path("schema"), "written by a newer version (schema 2, this one knows 1)")) {
            try RolloutDocument(bytes: Array(newer.utf8))
        }
        let report = HostReport(host: "edge-1", instance: "i", beat: 4)
        let text = String(decoding: report.bytes, as: UTF8.self)
            .replacing(#""schema":1"#, with: #""moon":"full","schema":2"#)
        #expect(try HostReport(bytes: Array(text.utf8)) == report)
    }

    @Test func `the history finds what was desired when a generation was published`() {
        var history = HistoryDocument()
        for (number, desired) in [(3, "one"), (5, "two"), (6, "two"), (9, "three")] as [(UInt64, String)] {
            history.note(.init(number: number, desired: desired, version: 0, author: "", at: 0))
        }
        #expect(history.entry(of: 2) == nil)
        #expect(history.entry(of: 4)?.desired == "one")
        #expect(history.entry(of: 8)?.desired == "two")
        #expect(history.entry(of: 40)?.desired == "three")
    }

    @Test func `the history keeps the newest`() {
        var history = HistoryDocument()
        for number in 1...30 as ClosedRange<UInt64> {
            history.note(.init(number: number, desired: "\(number)", version: number, author: "", at: 0))
        }
        #expect(history.entries.map(\.number) == Array(11...30))
    }
}
