// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

@testable import Dataplane

/// A new flow whose home line of records has no place that is free.
@MainActor struct FullLine {
    let stage: Stage
    let packet: Packet
    let flow: Flow
    private let backend: UInt16
    /// The place whose record a test chooses; all others hold younger established flows.
    private let way = 5
    private static let other: UInt32 = 99

    init() throws {
        stage = try Stage.whole()
        packet = try stage.packet(of: "moving", from: "a", to: "d").with(.syn)
        flow = try stage.flow(packet, of: "moving")
        backend = try stage.backend("b", of: "moving").id.rawValue
    }

    /// Of another flow.
    func record(isEstablished: Bool, age: UInt32 = 0) -> UInt64 {
        stage.record(fingerprint: Self.other, backend: backend, isEstablished: isEstablished, age: age)
    }

    /// Fills the home line: this record in one place, established flows in the others.
    func fill(with record: UInt64) throws {
        try stage.reset()
        for other in 0..<Int(RECORDS_PER_LINE) {
            stage.setRecord(other == way ? record : young(other), line: flow.recordLines.home, way: other)
        }
    }

    /// Fills the spill line alike.
    func fillSpillLine(with record: UInt64) throws {
        for other in 0..<Int(RECORDS_PER_LINE) {
            stage.setRecord(other == way ? record : young(other), line: flow.recordLines.spill, way: other)
        }
    }

    /// Of an established flow that is younger than the chosen one.
    func young(_ number: Int) -> UInt64 {
        stage.record(fingerprint: UInt32(number + 1), backend: backend, isEstablished: true, age: 100)
    }

    /// Of the record in the chosen place.
    func fingerprint(line: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: stage.maps.records.load64(element: line, offset: 8 * way))
    }

    /// The flow's SYN.
    func connect() throws { _ = try stage.run(packet.frame) }

    /// A packet's reason, by the counter that moved.
    func run(_ packet: Packet) throws -> reason? {
        let before = stage.serviceCounts()
        _ = try stage.run(packet.frame)
        let moved = stage.serviceCounts().first { count in
            !before.contains { $0.reason == count.reason && $0.packets == count.packets }
        }
        return moved.map { reason(rawValue: $0.reason) }
    }

    func evictions() -> [UInt64] {
        stage.serviceCounts().filter { $0.reason == REASON_RECORD_EVICTED.rawValue }.map(\.packets)
    }
}
