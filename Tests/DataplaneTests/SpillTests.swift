// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model
import Testing

@testable import Dataplane

@Suite struct `Spills of records` {
    private let maps = MemoryMaps()

    private func mark(line: Int) {
        UnsafeMutableRawPointer(maps.memory.recordSpills).storeBytes(of: 1, toByteOffset: line, as: UInt8.self)
    }

    @Test func `are forgotten when no record is left`() {
        mark(line: 7)
        mark(line: Int(RECORD_LINES) - 1)
        maps.memory.forgetSpills()
        #expect(!maps.memory.hasSpilled(from: 7) && !maps.memory.hasSpilled(from: Int(RECORD_LINES) - 1))
    }

    @Test func `are remembered while any record is left`() {
        mark(line: 7)
        maps.memory.records[MapMemory.recordCount - 1] = 1
        maps.memory.forgetSpills()
        #expect(maps.memory.hasSpilled(from: 7) && !maps.memory.hasSpilled(from: 8))
    }

    @Test func `a spilled record lies where its line and its fingerprint say, and they say the same back`() {
        for hash: UInt64 in [0x1234_5678_9abc_def0, 0xffff_ffff_0000_0001, 0x0000_7fff_ffff_8000] {
            let lines = Flow.recordLines(ofHash: hash)
            #expect(Int(record_spill_line(UInt32(lines.spill), hash)) == lines.home)
        }
    }
}
