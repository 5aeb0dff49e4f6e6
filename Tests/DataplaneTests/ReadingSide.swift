// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

@testable import Dataplane

/// What the program would find in the maps at this moment.
struct ReadingSide {
    let memory: MapMemory

    /// By the hash, as the program looks it up.
    func entry(of vip: VIP) -> vip? {
        let half = Int(memory.control.pointee.active & 1)
        let seed = half == 0 ? memory.control.pointee.vip_seed.0 : memory.control.pointee.vip_seed.1
        let line = vip_line_of(
            CDataplane.address(vip.address), vip.port.bigEndian, vip.transport.rawValue, seed)
        let entries = memory.vips[half * Int(VIP_LINES) + Int(line)].entries
        return [entries.0, entries.1].first { $0.value == vip }
    }

    /// Every VIP in force names a whole table of backends that are there and are its own; else what is wrong.
    func faults() -> [String] {
        memory.activeEntries().flatMap { entry -> [String] in
            guard let vip = entry.value else { return [] }
            guard self.entry(of: vip) != nil else { return ["\(vip): not found by its hash"] }
            guard !entry.isEmpty else { return [] }
            var faults: Set<String> = []
            for word in memory.words(of: entry.place).map(SlotWord.init(rawValue:)) {
                // A service whose backends all drain has no current one, and says so.
                let canBeNone = word.isUnsettled && word.previous != 0
                if !(word.current == 0 && canBeNone) { check(word.current, "current", entry, &faults) }
                if word.isUnsettled, word.previous != 0 { check(word.previous, "previous", entry, &faults) }
            }
            return faults.sorted().map { "\(vip): \($0)" }
        }
    }

    private func check(_ id: UInt16, _ what: String, _ entry: vip, _ faults: inout Set<String>) {
        let backend = memory.backends[Int(id)]
        if !backend.isPresent { faults.insert("\(what) backend \(id) is not there") }
        if backend.isPresent, backend.service != entry.service {
            faults.insert("\(what) backend \(id) is of service \(backend.service)")
        }
    }

    func word(_ place: TablePlace, _ slot: Int) -> SlotWord {
        SlotWord(rawValue: memory.slots[place.lines.lowerBound * Int(SLOTS_PER_LINE) + slot])
    }
}

extension Plan.Step {
    /// Its kind alone, for messages.
    var name: String { String("\(self)".prefix { $0 != "(" }) }
}
