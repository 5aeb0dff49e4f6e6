// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import Glibc
import Model

/// What the kernel holds and does, read from the pins alone: no daemon is needed.
public final class KernelState: Sendable {
    public let paths: PinPaths
    /// Nil where maps are there and no program.
    public let program: LoadedProgram?
    let maps: KernelMaps

    /// - Throws: where there is nothing, or pins of another layout.
    public static func open(bpfRoot: String) throws(BPFError) -> KernelState {
        try KernelState(PinPaths(root: bpfRoot))
    }

    private init(_ paths: PinPaths) throws(BPFError) {
        self.paths = paths
        guard try Pin.exists(paths.map(MAP_CONTROL)) else {
            let others = try Pin.list(paths.maps).filter { $0.hasPrefix("\(MAP_CONTROL)_v") }
            let cause =
                others.isEmpty
                ? "no pins there: sluiced has not run with this bpf-root"
                : "pins of another layout (\(others.joined(separator: ", "))), this version has \(LAYOUT_VERSION)"
            // As of a missing file: so a caller knows that nothing is installed.
            throw BPFError(
                operation: "open", subject: paths.root, cause: cause, errno: others.isEmpty ? ENOENT : nil)
        }
        maps = try KernelMaps(paths)
        // No system call but for the pins' own: a reader must not need the right to write anything.
        program = try Loader(paths: paths, cpus: 0).pinned()
    }

    /// Of a program that is not pinned yet.
    init(_ paths: PinPaths, program: LoadedProgram) throws(BPFError) {
        self.paths = paths
        self.program = program
        maps = try KernelMaps(paths)
    }
}

/// An entry of the VIP array.
public struct VIPEntry: Hashable, Sendable {
    public let vip: VIP
    public let service: ServiceID
    public let tableSize: TableSize
    /// First granule of its table.
    public let table: UInt16
    public let key: FlowKey
    /// It has no backend at all: its packets are dropped.
    public let isEmpty: Bool
    /// Of the flow hash: a secret of the fleet.
    let seed: UInt64
}

/// What a slot holds.
public struct Slot: Hashable, Sendable {
    /// nil for none.
    public let current: BackendID?
    public let previous: BackendID?
    public let isUnsettled: Bool

    init(_ word: SlotWord) {
        current = word.current == 0 ? nil : BackendID(rawValue: word.current)
        previous = word.previous == 0 ? nil : BackendID(rawValue: word.previous)
        isUnsettled = word.isUnsettled
    }
}

/// An interface that a pinned link holds.
public struct AttachedInterface: Hashable, Sendable {
    /// As escaped in the pin's name.
    public let pin: String
    /// 0 where the interface is gone.
    public let index: UInt32
    /// Nil where another namespace's interface cannot be asked.
    public let mode: XDPMode?
    public let programID: UInt32
}

extension KernelState {
    /// VIPs in force, sorted.
    public func vips() -> [VIPEntry] {
        let entries = memory { $0.activeEntries() }
        return entries.compactMap { entry in
            entry.value.map {
                VIPEntry(
                    vip: $0, service: ServiceID(rawValue: entry.service), tableSize: entry.tableSize,
                    table: entry.table, key: entry.key, isEmpty: entry.isEmpty, seed: entry.seed)
            }
        }.sorted { $0.vip < $1.vip }
    }

    /// All slots of a VIP's table.
    public func slots(of entry: VIPEntry) -> [Slot] { words(of: entry.place).map { Slot(SlotWord(rawValue: $0)) } }

    func words(of place: TablePlace) -> [UInt32] {
        guard place.granules.upperBound <= Int(GRANULES_MAX) else { return [] }
        return memory { $0.words(of: place) }
    }

    /// When a slot's line last sent a packet elsewhere than to its current backend, and when it last changed: seconds
    /// ago.
    public func lineAges(of entry: VIPEntry, slot: Int) -> (used: Int, changed: Int) {
        let line = entry.place.lines.lowerBound + slot / Int(SLOTS_PER_LINE)
        guard line < Int(SLOT_LINES_MAX) else { return (0, 0) }
        let times = memory { $0.lineTimes[line] }
        let now = Int(MonotonicClock.seconds())
        return (now - Int(times.used), now - Int(times.changed))
    }

    /// Interfaces that the program is on.
    public func interfaces() throws(BPFError) -> [AttachedInterface] {
        var found: [AttachedInterface] = []
        for name in try Pin.list(paths.links) {
            let link = try Link.open(pinned: "\(paths.links)/\(name)")
            let index = try link.interface
            let mode = index == 0 ? nil : try XDPAttachment.current(on: index)?.mode
            found.append(AttachedInterface(pin: name, index: index, mode: mode, programID: try link.programID))
        }
        return found
    }

    /// What the maps hold of an image, those included that are read by system calls.
    func observe(for image: MapImage) throws(BPFError) -> ObservedImage {
        maps.memory(try KernelKeyedMaps(maps)).observe(for: image)
    }

    /// The maps' memory while `body` runs.
    func memory<Value>(_ body: (MapMemory) -> Value) -> Value { body(maps.memory(NoKeyedMaps())) }
}

extension VIPEntry {
    var place: TablePlace { TablePlace(granule: table, size: tableSize) }
}

/// For readers, who change nothing.
private final class NoKeyedMaps: KeyedMaps {
    var access: Set<AccessEntry> { [] }
    var accessLimit: Int { 0 }
    var ports: [UInt32: UInt32] { [:] }
    func setAccess(_ entries: [AccessEntry]) {}
    func clearAccess(_ entries: [AccessEntry]) {}
    func setPort(_ key: UInt32, to interface: UInt32) {}
    func clearPort(_ key: UInt32) {}
}
