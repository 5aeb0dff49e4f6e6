// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import Glibc
import Model

/// Sixty-four bytes of a map: Swift does not take structures with C's unions for plain bytes.
struct CacheLine: BitwiseCopyable, Sendable {
    var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)
}

/// The bytes of an `access_key`.
struct AccessKeyBytes: BitwiseCopyable, Sendable {
    private var words: (UInt64, UInt64, UInt64)

    init(_ key: access_key) { words = unsafeBitCast(key, to: (UInt64, UInt64, UInt64).self) }

    var key: access_key { unsafeBitCast(words, to: access_key.self) }
}

/// The pinned maps of one installation, opened and mapped into this process.
final class KernelMaps: Sendable {
    let paths: PinPaths
    let control: MappedArray<CDataplane.control>
    let vips: MappedArray<CacheLine>
    let slots: MappedArray<slot_line>
    let lineTimes: MappedArray<line_times>
    let backends: MappedArray<CacheLine>
    let services: MappedArray<CDataplane.service>
    let records: MappedArray<record_line>
    let recordSpills: MappedArray<CacheLine>
    let filter: MappedArray<UInt64>
    let serviceCounters: MappedArray<counter>
    let backendCounters: MappedArray<counter>
    let events: MappedArray<event>
    let explanation: MappedArray<CDataplane.explanation>
    let access: Map
    let ports: Map

    /// - Throws: where a pin is missing or is not what the layout says.
    init(_ paths: PinPaths) throws(BPFError) {
        self.paths = paths
        control = try Self.mapped(MAP_CONTROL, paths)
        vips = try Self.mapped(MAP_VIPS, paths)
        slots = try Self.mapped(MAP_SLOTS, paths)
        lineTimes = try Self.mapped(MAP_LINE_TIMES, paths)
        backends = try Self.mapped(MAP_BACKENDS, paths)
        services = try Self.mapped(MAP_SERVICES, paths)
        records = try Self.mapped(MAP_RECORDS, paths)
        recordSpills = try Self.mapped(MAP_RECORD_SPILLS, paths)
        filter = try Self.mapped(MAP_ACCESS_FILTER, paths)
        serviceCounters = try Self.mapped(MAP_SERVICE_COUNTERS, paths)
        backendCounters = try Self.mapped(MAP_BACKEND_COUNTERS, paths)
        events = try Self.mapped(MAP_EVENTS, paths)
        explanation = try Self.mapped(MAP_EXPLANATION, paths)
        access = try Map.open(pinned: paths.map(MAP_ACCESS))
        ports = try Map.open(pinned: paths.map(MAP_PORTS))
        try checkSizes()
    }

    private static func mapped<Element>(_ name: String, _ paths: PinPaths) throws(BPFError) -> MappedArray<Element> {
        try Map.open(pinned: paths.map(name)).mapped(as: Element.self)
    }

    /// Everything below relies on these bounds.
    private func checkSizes() throws(BPFError) {
        let sizes = [
            (MAP_CONTROL, control.count, 1), (MAP_VIPS, vips.count, 2 * Int(VIP_LINES)),
            (MAP_SLOTS, slots.count, Int(SLOT_LINES_MAX)), (MAP_LINE_TIMES, lineTimes.count, Int(SLOT_LINES_MAX)),
            (MAP_BACKENDS, backends.count, Int(BACKEND_IDS)), (MAP_SERVICES, services.count, Int(SERVICE_IDS)),
            (MAP_RECORDS, records.count, Int(RECORD_LINES)),
            (MAP_RECORD_SPILLS, recordSpills.count, Int(SPILL_LINES)),
            (MAP_ACCESS_FILTER, filter.count, Int(ACCESS_FILTER_WORDS)), (MAP_EXPLANATION, explanation.count, 1),
        ]
        for (name, count, wanted) in sizes where count != wanted {
            throw BPFError(
                operation: "use", subject: "map \(name)", cause: "it has \(count) elements, this layout \(wanted)")
        }
    }

    /// That both kinds of counters have room for.
    private var cpus: Int {
        min(
            serviceCounters.count / (Int(SERVICE_IDS) * Int(REASON_SLOTS)), backendCounters.count / Int(BACKEND_IDS))
    }

    /// The maps' memory; valid as long as this object lives.
    func memory(_ keyed: any KeyedMaps) -> MapMemory {
        MapMemory(
            control: control.base.assumingMemoryBound(to: CDataplane.control.self),
            vips: vips.base.assumingMemoryBound(to: vip_line.self),
            slots: slots.base.assumingMemoryBound(to: UInt32.self),
            lineTimes: lineTimes.base.assumingMemoryBound(to: line_times.self),
            backends: backends.base.assumingMemoryBound(to: CDataplane.backend.self),
            services: services.base.assumingMemoryBound(to: CDataplane.service.self),
            records: records.base.assumingMemoryBound(to: UInt64.self),
            recordSpills: recordSpills.base.assumingMemoryBound(to: UInt64.self),
            filter: filter.base.assumingMemoryBound(to: UInt64.self),
            serviceCounters: serviceCounters.base.assumingMemoryBound(to: counter.self),
            backendCounters: backendCounters.base.assumingMemoryBound(to: counter.self), cpus: cpus, keyed: keyed)
    }
}

/// The access map and the device map through system calls. What they hold is read once, as nobody else writes them, and
/// anew after a write that failed.
final class KernelKeyedMaps: KeyedMaps {
    private let maps: KernelMaps
    private(set) var access: Set<AccessEntry> = []
    private(set) var ports: [UInt32: UInt32] = [:]
    private var isKnown = false

    init(_ maps: KernelMaps) throws(BPFError) {
        self.maps = maps
        try refresh()
    }

    var accessLimit: Int { maps.access.maxEntries }

    /// Reads the maps anew at the next use.
    func forget() { isKnown = false }

    /// Reads the maps if what they hold is not known.
    func refresh() throws(BPFError) {
        guard !isKnown else { return }
        var access: Set<AccessEntry> = []
        for bytes in try maps.access.keys(as: AccessKeyBytes.self) {
            guard let value = try maps.access.lookup(bytes, as: UInt32.self) else { continue }
            if let entry = bytes.key.entry(value) { access.insert(entry) }
        }
        var ports: [UInt32: UInt32] = [:]
        for key in 0..<UInt32(PORTS_MAX) {
            if let interface = try maps.ports.lookup(key, as: UInt32.self), interface != 0 { ports[key] = interface }
        }
        (self.access, self.ports, isKnown) = (access, ports, true)
    }

    func setAccess(_ entries: [AccessEntry]) throws {
        try refresh()
        try requireRoom(for: entries)
        isKnown = false
        try write(entries)
        for entry in entries {
            access.remove(entry.inverted)
            access.insert(entry)
        }
        isKnown = true
    }

    private func write(_ entries: [AccessEntry]) throws(BPFError) {
        do {
            try maps.access.update(entries.map { AccessKeyBytes($0.key) }, entries.map(\.value))
        } catch {
            guard error.errno == ENOSPC else { throw error }
            // A full trie of an older kernel does not even take another value for a key that it has.
            for entry in entries {
                try maps.access.delete(AccessKeyBytes(entry.key))
                try maps.access.update(AccessKeyBytes(entry.key), entry.value)
            }
        }
    }

    func clearAccess(_ entries: [AccessEntry]) throws {
        try refresh()
        isKnown = false
        for entry in entries { try maps.access.delete(AccessKeyBytes(entry.key)) }
        access.subtract(entries)
        isKnown = true
    }

    func setPort(_ key: UInt32, to interface: UInt32) throws {
        try refresh()
        try maps.ports.update(key, interface)
        ports[key] = interface
    }

    func clearPort(_ key: UInt32) throws {
        try refresh()
        try maps.ports.delete(key)
        ports[key] = nil
    }
}
