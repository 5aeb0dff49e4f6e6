// SPDX-License-Identifier: Apache-2.0

import CDataplane

/// What a slot holds: the backend of new flows, the one of flows older than the last change, and whether they may
/// differ.
struct SlotWord: Hashable, Sendable {
    var rawValue: UInt32

    init(rawValue: UInt32) { self.rawValue = rawValue }

    init(current: UInt16, previous: UInt16, unsettled: Bool) {
        rawValue = UInt32(current) | UInt32(previous) << UInt32(SLOT_PREVIOUS_SHIFT) | (unsettled ? SlotWord.mark : 0)
    }

    /// A slot that alone names the backend.
    init(settled backend: UInt16) { self.init(current: backend, previous: backend, unsettled: false) }

    var current: UInt16 { UInt16(truncatingIfNeeded: rawValue & UInt32(SLOT_BACKEND_MASK)) }
    var previous: UInt16 {
        UInt16(truncatingIfNeeded: rawValue >> UInt32(SLOT_PREVIOUS_SHIFT) & UInt32(SLOT_BACKEND_MASK))
    }
    var isUnsettled: Bool { rawValue & SlotWord.mark != 0 }

    /// SLOT_UNSETTLED of `dataplane.h`, a shift that Swift imports as a number of C's own type.
    static var mark: UInt32 { UInt32(SLOT_UNSETTLED) }
}

/// How one slot goes from what it holds to what it shall hold (rules 3, 10 and 12 of just enough tracking).
struct SlotRules {
    /// Which service keeps flows on a backend id; 0 where nobody does: it is gone, or its flows are rehashed.
    let keepers: [UInt16]

    /// - Parameter services: all that the image holds.
    init(_ services: [ServiceImage]) {
        var keepers = [UInt16](repeating: 0, count: Int(UInt16.max) + 1)
        for service in services {
            for entry in service.backends { keepers[Int(entry.id)] = service.id }
            for id in service.rehashed { keepers[Int(id)] = 0 }
        }
        self.keepers = keepers
    }

    func keeps(_ backend: UInt16, _ service: UInt16) -> Bool { keepers[Int(backend)] == service }

    /// A slot of a table in force.
    ///
    /// Previous stays what the slot was when it last settled. Where that is gone it becomes the current one; the mark
    /// stays then, as records of flows with a third backend may live.
    func next(_ word: SlotWord, current: UInt16, service: UInt16) -> SlotWord {
        var previous = word.isUnsettled ? word.previous : word.current
        if !keeps(previous, service) { previous = current }
        return SlotWord(current: current, previous: previous, unsettled: word.isUnsettled || previous != current)
    }

    /// A slot of a table that no VIP names yet.
    func fresh(current: UInt16, previous: UInt16, service: UInt16) -> SlotWord {
        guard keeps(previous, service), previous != current else { return SlotWord(settled: current) }
        return SlotWord(current: current, previous: previous, unsettled: true)
    }
}
