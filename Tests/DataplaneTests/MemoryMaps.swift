// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Glibc
import Model

@testable import Dataplane

/// The maps as plain memory of this process, zero at first as the kernel's are.
final class MemoryMaps: KeyedMaps {
    private(set) var memory: MapMemory
    var access: Set<AccessEntry> = []
    var accessLimit = Int(ACCESS_ENTRIES_MAX)
    private(set) var ports: [UInt32: UInt32] = [:]
    private let areas: [(start: UnsafeMutableRawPointer, size: Int)]

    static let cpus = 2

    init() {
        var sizes: [Int] = []
        func area(_ bytes: Int) -> UnsafeMutableRawPointer {
            // Pages that nothing touches cost nothing.
            let area = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            guard let area, area != MAP_FAILED else { fatalError("no memory for a test") }
            sizes.append(bytes)
            return area
        }
        let areas = [
            area(4096), area(2 * Int(VIP_LINES) * 64), area(Int(SLOT_LINES_MAX) * 64), area(Int(SLOT_LINES_MAX) * 8),
            area(Int(BACKEND_IDS) * 64), area(Int(SERVICE_IDS) * 64), area(Int(RECORD_LINES) * 64),
            area(Int(ACCESS_FILTER_WORDS) * 8), area(Self.cpus * Int(SERVICE_IDS) * Int(REASON_SLOTS) * 16),
            area(Self.cpus * Int(BACKEND_IDS) * 16), area(Int(RECORD_LINES)),
        ]
        self.areas = zip(areas, sizes).map { ($0, $1) }
        memory = MapMemory(
            control: areas[0].assumingMemoryBound(to: CDataplane.control.self),
            vips: areas[1].assumingMemoryBound(to: vip_line.self),
            slots: areas[2].assumingMemoryBound(to: UInt32.self),
            lineTimes: areas[3].assumingMemoryBound(to: line_times.self),
            backends: areas[4].assumingMemoryBound(to: CDataplane.backend.self),
            services: areas[5].assumingMemoryBound(to: CDataplane.service.self),
            records: areas[6].assumingMemoryBound(to: UInt64.self),
            recordSpills: areas[10].assumingMemoryBound(to: UInt64.self),
            filter: areas[7].assumingMemoryBound(to: UInt64.self),
            serviceCounters: areas[8].assumingMemoryBound(to: counter.self),
            backendCounters: areas[9].assumingMemoryBound(to: counter.self), cpus: Self.cpus, keyed: Nobody())
        memory = MapMemory(
            control: memory.control, vips: memory.vips, slots: memory.slots, lineTimes: memory.lineTimes,
            backends: memory.backends, services: memory.services, records: memory.records,
            recordSpills: memory.recordSpills, filter: memory.filter,
            serviceCounters: memory.serviceCounters, backendCounters: memory.backendCounters, cpus: Self.cpus,
            keyed: Weak(self))
    }

    deinit { for area in areas { munmap(area.start, area.size) } }

    func setAccess(_ entries: [AccessEntry]) throws {
        try requireRoom(for: entries)
        for entry in entries {
            access.remove(entry.inverted)
            access.insert(entry)
        }
    }

    func clearAccess(_ entries: [AccessEntry]) { access.subtract(entries) }
    func setPort(_ key: UInt32, to interface: UInt32) { ports[key] = interface }
    func clearPort(_ key: UInt32) { ports[key] = nil }

    @discardableResult
    func apply(_ image: MapImage, steps count: Int? = nil, now: UInt32 = 1000, after: (Plan.Step) -> Void = { _ in })
        throws -> Int
    {
        try memory.apply(image, steps: count, now: now, after: after)
    }

    /// What differs from an image, in words.
    func differences(from image: MapImage) -> [String] {
        Verify(image, memory.observe(for: image)).differences.map(\.description)
    }
}

extension MapMemory {
    /// Plans from what is there and carries out the first `count` steps, all if nil. Answers how many there are.
    @discardableResult
    func apply(_ image: MapImage, steps count: Int? = nil, now: UInt32 = 1000, after: (Plan.Step) -> Void = { _ in })
        throws -> Int
    {
        let plan = Plan.plan(from: observe(for: image), to: image, now: now)
        let steps = plan.steps + plan.removals
        for step in steps.prefix(count ?? steps.count) {
            try perform(step, grace: {})
            after(step)
        }
        return steps.count
    }
}

/// Stands in while the owner is being made.
private final class Nobody: KeyedMaps {
    var access: Set<AccessEntry> { [] }
    var accessLimit: Int { 0 }
    var ports: [UInt32: UInt32] { [:] }
    func setAccess(_ entries: [AccessEntry]) {}
    func clearAccess(_ entries: [AccessEntry]) {}
    func setPort(_ key: UInt32, to interface: UInt32) {}
    func clearPort(_ key: UInt32) {}
}

/// Keeps memory and its owner from holding each other.
private final class Weak: KeyedMaps {
    private unowned let owner: MemoryMaps

    init(_ owner: MemoryMaps) { self.owner = owner }

    var access: Set<AccessEntry> { owner.access }
    var accessLimit: Int { owner.accessLimit }
    var ports: [UInt32: UInt32] { owner.ports }
    func setAccess(_ entries: [AccessEntry]) throws { try owner.setAccess(entries) }
    func clearAccess(_ entries: [AccessEntry]) { owner.clearAccess(entries) }
    func setPort(_ key: UInt32, to interface: UInt32) { owner.setPort(key, to: interface) }
    func clearPort(_ key: UInt32) { owner.clearPort(key) }
}
