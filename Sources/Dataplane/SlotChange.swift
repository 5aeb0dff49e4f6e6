// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

extension SlotChange {
    /// - Parameters:
    ///   - words: what the table's slots hold.
    ///   - inPlace: the table is in force, so that its slots have flows; else it starts from the settled membership.
    init(_ service: ServiceImage, over words: [UInt32], inPlace: Bool, rules: SlotRules, now: UInt32) {
        self.init(service: service.id, lines: [], now: now, writes: [])
        let previous = inPlace ? [] : service.previous()
        let first = UInt32(service.place.lines.lowerBound) * UInt32(SLOTS_PER_LINE)
        var lastLine = UInt32.max
        for slot in service.current.indices {
            let current = service.current[slot]
            let old = SlotWord(rawValue: slot < words.count ? words[slot] : 0)
            let new =
                inPlace
                ? rules.next(old, current: current, service: service.id)
                : rules.fresh(current: current, previous: previous[slot], service: service.id)
            // Of a fresh table that an earlier plan left behind when it was cut, the words may be right; its times are old.
            guard new != old || !inPlace && new.isUnsettled else { continue }
            let place = first + UInt32(slot)
            if new != old { writes.append(Write(slot: place, word: new.rawValue)) }
            // A slot whose previous backend alone was given up has no change to time.
            let line = place / UInt32(SLOTS_PER_LINE)
            if new.isUnsettled, new.current != old.current || !inPlace, line != lastLine {
                lines.append(line)
                lastLine = line
            }
        }
    }
}

/// Which slots of a table nothing has used the previous backend of for long enough (rule 10 of just enough tracking).
struct Settling: Sendable {
    private(set) var writes: [SlotChange.Write] = []
    /// Unsettled slots that stay so.
    private(set) var remaining = 0

    /// - Parameters:
    ///   - words, times: of the table's slots and lines; the times are read after the words.
    ///   - firstLine: of the table in the map.
    ///   - flowIdle: seconds.
    init(words: [UInt32], times: [line_times], firstLine: Int, flowIdle: UInt32, now: UInt32) {
        let width = Int(SLOTS_PER_LINE)
        for line in times.indices {
            let slots = line * width..<min((line + 1) * width, words.count)
            let unsettled = slots.filter { SlotWord(rawValue: words[$0]).isUnsettled }
            guard !unsettled.isEmpty else { continue }
            // Signed: the program may have stamped the line after `now` was read.
            guard Int64(now) - Int64(times[line].used) >= Int64(flowIdle) + Int64(SETTLE_MARGIN) else {
                remaining += unsettled.count
                continue
            }
            for slot in unsettled {
                writes.append(
                    SlotChange.Write(
                        slot: UInt32(firstLine * width + slot),
                        word: SlotWord(settled: SlotWord(rawValue: words[slot]).current).rawValue))
            }
        }
    }
}
