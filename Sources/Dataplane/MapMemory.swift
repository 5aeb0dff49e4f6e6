// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import Glibc
import Model
import Synchronization

/// The maps that are reached by system calls, not by memory.
protocol KeyedMaps: AnyObject {
    /// All or none where they do not fit.
    func setAccess(_ entries: [AccessEntry]) throws
    func clearAccess(_ entries: [AccessEntry]) throws
    func setPort(_ key: UInt32, to interface: UInt32) throws
    func clearPort(_ key: UInt32) throws
    var access: Set<AccessEntry> { get }
    /// So many entries the access map takes.
    var accessLimit: Int { get }
    var ports: [UInt32: UInt32] { get }
}

extension KeyedMaps {
    /// - Throws: where the access map has no room for all of them.
    func requireRoom(for entries: [AccessEntry]) throws(BPFError) {
        let new = entries.count { !access.contains($0) && !access.contains($0.inverted) }
        guard new > accessLimit - access.count else { return }
        throw BPFError(
            operation: "update", subject: "map \(MAP_ACCESS)",
            cause: "map full: \(new) prefixes more, it holds \(access.count) and takes \(accessLimit)", errno: ENOSPC)
    }
}

/// The memory of the mapped maps: what the program reads at this moment.
///
/// Everything that it may be reading is stored in aligned words.
struct MapMemory {
    let control: UnsafeMutablePointer<CDataplane.control>
    let vips: UnsafeMutablePointer<vip_line>
    /// Words; a line is 16 of them.
    let slots: UnsafeMutablePointer<UInt32>
    let lineTimes: UnsafeMutablePointer<line_times>
    let backends: UnsafeMutablePointer<CDataplane.backend>
    let services: UnsafeMutablePointer<CDataplane.service>
    /// Words; a line is 8 of them.
    let records: UnsafeMutablePointer<UInt64>
    /// Bytes, one a line of records, as words.
    let recordSpills: UnsafeMutablePointer<UInt64>
    let filter: UnsafeMutablePointer<UInt64>
    /// For each CPU one after the other.
    let serviceCounters: UnsafeMutablePointer<counter>
    let backendCounters: UnsafeMutablePointer<counter>
    /// That the counters have room for.
    let cpus: Int
    let keyed: any KeyedMaps

    static let slotCount = Int(SLOT_LINES_MAX) * Int(SLOTS_PER_LINE)
    static let recordCount = Int(RECORD_LINES) * Int(RECORDS_PER_LINE)

    /// One store that no reader sees half of, after all stores before it.
    static func store(_ value: UInt32, to place: UnsafeMutablePointer<UInt32>) {
        // An Atomic lies in memory as the integer itself does, and the place is aligned as a map's words are.
        UnsafeMutableRawPointer(place).assumingMemoryBound(to: Atomic<UInt32>.self).pointee
            .store(value, ordering: .releasing)
    }

    static func store(_ value: UInt64, to place: UnsafeMutablePointer<UInt64>) {
        UnsafeMutableRawPointer(place).assumingMemoryBound(to: Atomic<UInt64>.self).pointee
            .store(value, ordering: .releasing)
    }

    /// An entry of whole 8-byte words. The first word says whether it is used: it comes last, or, where `closing`,
    /// first.
    static func store<Entry>(_ entry: Entry, to place: UnsafeMutablePointer<Entry>, closing: Bool) {
        let count = MemoryLayout<Entry>.size / 8
        let words = UnsafeMutableRawPointer(place).assumingMemoryBound(to: UInt64.self)
        withUnsafeBytes(of: entry) { bytes in
            let order = closing ? Array(0..<count) : Array(1..<count) + [0]
            for index in order {
                store(bytes.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self), to: words + index)
            }
        }
    }

    /// Frees records for which `isStale`; one that the program writes meanwhile stays as it wrote it. Answers how many.
    @discardableResult
    func clearRecords(where isStale: (UInt64) -> Bool) -> Int {
        var cleared = 0
        for index in 0..<Self.recordCount {
            let place = UnsafeMutableRawPointer(records + index).assumingMemoryBound(to: Atomic<UInt64>.self)
            // One load: the value that is judged is the one that is compared, whatever the program writes meanwhile.
            let record = place.pointee.load(ordering: .relaxed)
            guard record != 0, isStale(record) else { continue }
            if place.pointee.compareExchange(expected: record, desired: 0, ordering: .relaxed).exchanged {
                cleared += 1
            }
        }
        return cleared
    }

    /// Whether a record that belongs in this line may lie in its spill line.
    func hasSpilled(from line: Int) -> Bool {
        UnsafeRawPointer(recordSpills).load(fromByteOffset: line, as: UInt8.self) != 0
    }

    /// When no record is left, none can have spilled: then the program need not look in two lines any more.
    ///
    /// To be called when no packet writes records.
    func forgetSpills() {
        guard (0..<Self.recordCount).allSatisfy({ records[$0] == 0 }) else { return }
        for index in 0..<Int(RECORD_LINES) / MemoryLayout<UInt64>.size where recordSpills[index] != 0 {
            Self.store(UInt64(0), to: recordSpills + index)
        }
    }
}

extension MapMemory {
    /// Words of a table as they are now.
    func words(of place: TablePlace) -> [UInt32] {
        let first = place.lines.lowerBound * Int(SLOTS_PER_LINE)
        return Array(UnsafeBufferPointer(start: slots + first, count: place.size.slots))
    }

    func times(of place: TablePlace) -> [line_times] {
        Array(UnsafeBufferPointer(start: lineTimes + place.lines.lowerBound, count: place.lines.count))
    }

    /// The taken entries of the half in force.
    func activeEntries() -> [vip] {
        let first = Int(control.pointee.active & 1) * Int(VIP_LINES)
        var entries: [vip] = []
        for line in UnsafeBufferPointer(start: vips + first, count: Int(VIP_LINES)) {
            if !line.entries.0.isFree { entries.append(line.entries.0) }
            if !line.entries.1.isFree { entries.append(line.entries.1) }
        }
        return entries
    }

    /// What a plan to this image must know.
    func observe(for image: MapImage, unchanged: Set<UInt16> = []) -> ObservedImage {
        var observed = ObservedImage(
            active: Int(control.pointee.active & 1), entries: activeEntries(), control: control.pointee,
            policies: Array(UnsafeBufferPointer(start: services, count: Int(SERVICE_IDS))),
            backends: Array(UnsafeBufferPointer(start: backends, count: Int(BACKEND_IDS))),
            tables: [:], access: keyed.access, accessLimit: keyed.accessLimit,
            filter: Array(UnsafeBufferPointer(start: filter, count: Int(ACCESS_FILTER_WORDS))), ports: keyed.ports)
        for service in image.services where !unchanged.contains(service.id) {
            observed.tables[service.place] = words(of: service.place)
        }
        if !Conflicts.reused(image, observed).isEmpty {
            // Only then does it matter who else names an id.
            for entry in observed.entries where entry.value != nil && observed.tables[entry.place] == nil {
                observed.tables[entry.place] = words(of: entry.place)
            }
        }
        return observed
    }
}
