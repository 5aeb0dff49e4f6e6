// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

/// The memory of one flow that a change would otherwise have moved.
public struct FlowRecord: Hashable, Sendable {
    /// Of the record table.
    public let line: Int
    /// The low half of the flow's hash.
    public let fingerprint: UInt32
    public let backend: BackendID
    /// A packet other than a SYN has been seen.
    public let isEstablished: Bool
    /// Since its last packet, in steps of eight seconds.
    public let age: Int

    /// Nil for a free place.
    init?(_ record: UInt64, line: Int, now: UInt32) {
        guard record != 0 else { return nil }
        self.line = line
        fingerprint = UInt32(truncatingIfNeeded: record)
        backend = BackendID(rawValue: UInt16(record >> UInt64(RECORD_BACKEND_SHIFT) & UInt64(SLOT_BACKEND_MASK)))
        isEstablished = record & Self.established != 0
        let unit = UInt64(RECORD_AGE_UNIT_SHIFT)
        let units = UInt16(truncatingIfNeeded: UInt64(now) >> unit) &- UInt16(record >> UInt64(RECORD_AGE_SHIFT))
        age = Int(units) << Int(unit)
    }

    /// RECORD_ESTABLISHED of `dataplane.h`.
    private static let established: UInt64 = RECORD_ESTABLISHED
}

extension KernelState {
    /// All records, at most `limit` of them.
    public func records(limit: Int = .max, now: UInt32 = MonotonicClock.seconds()) -> [FlowRecord] {
        var found: [FlowRecord] = []
        memory { memory in
            for index in 0..<MapMemory.recordCount where found.count < limit {
                let line = index / Int(RECORDS_PER_LINE)
                if let record = FlowRecord(memory.records[index], line: line, now: now) { found.append(record) }
            }
        }
        return found
    }

    public func recordCount() -> Int {
        memory { memory in (0..<MapMemory.recordCount).reduce(0) { $0 + (memory.records[$1] == 0 ? 0 : 1) } }
    }

    /// A flow's record: what the program would find. It may be another flow's of the same fingerprint.
    public func record(of flow: Flow, now: UInt32 = MonotonicClock.seconds()) -> FlowRecord? {
        memory { memory in
            let lines = flow.recordLines
            if let record = Self.record(of: flow, line: lines.home, in: memory, now: now) { return record }
            return memory.hasSpilled(from: lines.home)
                ? Self.record(of: flow, line: lines.spill, in: memory, now: now) : nil
        }
    }

    private static func record(of flow: Flow, line: Int, in memory: MapMemory, now: UInt32) -> FlowRecord? {
        let first = line * Int(RECORDS_PER_LINE)
        let places = [first + Int(record_way_of(flow.hash))] + (first..<first + Int(RECORDS_PER_LINE)).reversed()
        return places.lazy.compactMap { FlowRecord(memory.records[$0], line: line, now: now) }
            .first { $0.fingerprint == flow.fingerprint }
    }
}
