// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

extension MapMemory {
    /// Carries out one step.
    ///
    /// - Parameter grace: waits until no program runs that began before.
    /// - Throws: what a system call refuses; what was stored before stays.
    func perform(_ step: Plan.Step, grace: () throws -> Void) throws {
        switch step {
        case .control(let wanted): setControl(wanted)
        case .setPorts(let ports): try setPorts(ports)
        case .clearPorts(let keys): for key in keys { try keyed.clearPort(key) }
        case .voidRecords(let ids): for id in ids { setVoid(Int(id)) }
        case .sweepRecords(let ids): sweepRecords(of: ids)
        case .sweepExpired(let idles, let now): sweepExpired(idles, now: now)
        case .clearCounters(let services, let backends): clearCounters(services, backends)
        case .setBackends(let entries):
            for entry in entries {
                let closing = entry.template.has(BACKEND_NO_NEXT_HOP)
                Self.store(entry.template, to: backends + Int(entry.id), closing: closing)
            }
        case .clearBackends(let ids):
            for id in ids { Self.store(CDataplane.backend(), to: backends + Int(id), closing: true) }
        case .setFilter(let bits):
            for bit in bits { Self.store(filter[bit / 64] | 1 << UInt64(bit % 64), to: filter + bit / 64) }
        case .replaceFilter(let words): for (index, word) in words.enumerated() { Self.store(word, to: filter + index) }
        case .setAccess(let entries): try keyed.setAccess(entries)
        case .clearAccess(let entries): try keyed.clearAccess(entries)
        case .setPolicies(let policies):
            for (id, policy) in policies { Self.store(policy, to: services + Int(id), closing: false) }
        case .clearPolicies(let ids):
            for id in ids { Self.store(CDataplane.service(), to: services + Int(id), closing: true) }
        case .setSlots(let change): setSlots(change)
        case .clearTables(let ranges): for lines in ranges { clear(lines) }
        case .fillVIPs(let content, let half): fill(half, content)
        case .flip(let half): flip(to: half)
        case .grace: try grace()
        }
    }

    /// All that can be set are, then the first refusal is thrown: one interface that is gone is no other's business.
    private func setPorts(_ ports: [UInt32: UInt32]) throws {
        var refusal: (any Error)?
        for (key, interface) in ports.sorted(by: { $0.key < $1.key }) {
            do { try keyed.setPort(key, to: interface) } catch { refusal = refusal ?? error }
        }
        if let refusal { throw refusal }
    }

    private func setVoid(_ id: Int) {
        var entry = backends[id]
        guard entry.isPresent else { return }
        entry.flags |= UInt8(BACKEND_RECORDS_VOID.rawValue)
        Self.store(entry, to: backends + id, closing: true)
    }

    private func sweepRecords(of ids: [UInt16]) {
        var stale = [Bool](repeating: false, count: Int(BACKEND_IDS))
        for id in ids { stale[Int(id)] = true }
        clearRecords { stale[Int($0 >> UInt64(RECORD_BACKEND_SHIFT) & UInt64(SLOT_BACKEND_MASK))] }
    }

    private func sweepExpired(_ idles: [UInt16: UInt32], now: UInt32) {
        var limits = [UInt32?](repeating: nil, count: Int(SERVICE_IDS))
        for (id, idle) in idles { limits[Int(id)] = idle }
        clearRecords { record in
            let service = Int(backends[Int(record >> UInt64(RECORD_BACKEND_SHIFT) & UInt64(SLOT_BACKEND_MASK))].service)
            guard limits.indices.contains(service), let idle = limits[service] else { return false }
            return record_is_void(record, now, idle) != 0
        }
    }

    /// Plain copies: nothing counts there.
    private func clearCounters(_ services: [UInt16], _ backends: [UInt16]) {
        let width = Int(REASON_SLOTS)
        for cpu in 0..<cpus {
            for id in services {
                let first = serviceCounters + (cpu * Int(SERVICE_IDS) + Int(id)) * width
                first.update(repeating: counter(), count: width)
            }
            for id in backends { backendCounters[cpu * Int(BACKEND_IDS) + Int(id)] = counter() }
        }
    }

    /// The lines' times first: a slot never looks idle that has just changed.
    private func setSlots(_ change: SlotChange) {
        let now = line_times(used: change.now, changed: change.now)
        for line in change.lines {
            UnsafeMutableRawPointer(lineTimes + Int(line)).withMemoryRebound(to: UInt64.self, capacity: 1) { place in
                withUnsafeBytes(of: now) { Self.store($0.loadUnaligned(as: UInt64.self), to: place) }
            }
        }
        for write in change.writes { Self.store(write.word, to: slots + Int(write.slot)) }
    }

    private func clear(_ lines: Range<Int>) {
        let width = Int(SLOTS_PER_LINE)
        (slots + lines.lowerBound * width).update(repeating: 0, count: lines.count * width)
        (lineTimes + lines.lowerBound).update(repeating: line_times(), count: lines.count)
    }

    /// Nothing reads the half: plain copies.
    private func fill(_ half: Int, _ content: VIPHalf) {
        let lines = content.lines()
        (vips + half * Int(VIP_LINES)).update(from: lines, count: lines.count)
        UnsafeMutableRawPointer(control).withMemoryRebound(to: UInt64.self, capacity: 3) { words in
            Self.store(content.seed, to: words + 1 + half)
        }
    }

    private func flip(to half: Int) {
        UnsafeMutableRawPointer(control).withMemoryRebound(to: UInt32.self, capacity: 1) { active in
            Self.store(UInt32(half), to: active)
        }
    }

    /// All but what belongs to the VIPs.
    private func setControl(_ wanted: CDataplane.control) {
        let size = MemoryLayout<CDataplane.control>.size
        let first = 24 / 8  // behind `active` and `vip_seed`
        UnsafeMutableRawPointer(control).withMemoryRebound(to: UInt64.self, capacity: size / 8) { words in
            withUnsafeBytes(of: wanted) { bytes in
                for index in first..<size / 8 {
                    Self.store(bytes.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self), to: words + index)
                }
            }
        }
    }
}

extension MapImage {
    /// The control element with this host's interfaces and prefixes.
    func control(over observed: CDataplane.control) -> CDataplane.control {
        var control = observed
        control.setSources(view.sourcePrefix4, view.sourcePrefix6)
        control.flow_idle = services.map(\.policy.flow_idle).max() ?? 0
        withUnsafeMutableBytes(of: &control.interfaces) { bytes in
            let entries = bytes.bindMemory(to: CDataplane.interface.self)
            for index in entries.indices { entries[index] = CDataplane.interface() }
            for interface in view.interfaces {
                entries[Int(interface.index & UInt32(INTERFACE_MASK))] = CDataplane.interface(interface)
            }
        }
        return control
    }
}
