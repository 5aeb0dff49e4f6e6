// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import Glibc
import Model

@testable import Dataplane

/// What a test brings the maps to, where no generation and no packet does it in a test's time.
extension Stage {
    /// Spends this second's answers of our own on every CPU. Waits for the middle of a second: it does not end meanwhile,
    /// and the programs, who keep the second that they read for some ticks, have read this one.
    func spendAnswers() {
        var now = timespec()
        repeat {
            clock_gettime(CLOCK_MONOTONIC_COARSE, &now)
        } while !(400_000_000...700_000_000).contains(now.tv_nsec)
        for cpu in 0..<states.count {
            states[cpu].icmp_second = UInt64(now.tv_sec)
            states[cpu].icmp_spent = UInt32(ICMP_RATE_PER_SECOND)
        }
    }

    /// Makes the interface that frames come in by one of the kernel's own devices, or a card again.
    func setVirtual(_ isVirtual: Bool = true) {
        let interfaces = MemoryLayout<control>.offset(of: \.interfaces) ?? 0
        let place = interfaces + Int(Fleet.edge.index) * MemoryLayout<interface>.stride
        let flags = MemoryLayout<interface>.offset(of: \.flags) ?? 0
        maps.control.store32(isVirtual ? INTERFACE_VIRTUAL.rawValue : 0, element: 0, offset: place + flags)
    }

    /// Makes remembered fragments this much older.
    func ageFragments(by duration: Duration) throws {
        let nanoseconds = UInt64(duration / .nanoseconds(1))
        for key in try fragments.keys(as: FragmentKey.self) {
            guard var fragment = try fragments.lookup(key, as: CDataplane.fragment.self) else { continue }
            fragment.seen -= nanoseconds
            try fragments.update(key, fragment)
        }
    }

    /// Remembers as many fragments of others, just seen, as the map takes.
    func fillFragments() throws {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let time = UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
        let fragment = CDataplane.fragment(seen: time, backend: 1, flow: 1, service: 1, reserved: 0)
        let count = 2 * Int(FRAGMENTS_MAX)  // an LRU map gives room before it is full
        let keys = (0..<count).map { FragmentKey(words: (UInt64($0), 1, 1, 1, 1)) }
        try fragments.update(keys, Array(repeating: fragment, count: count))
    }

    /// Seconds of the kernel's monotonic clock, as the program reads it.
    func now() -> UInt32 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC_COARSE, &now)
        return UInt32(truncatingIfNeeded: now.tv_sec)
    }

    /// Sets when a line's slots changed last and when its previous backends were last used.
    func setTimes(of line: Int, used: UInt32, changed: UInt32) {
        maps.lineTimes[line] = line_times(used: used, changed: changed)
    }

    /// Rewrites a flow's record, if it has one.
    func rewriteRecord(of flow: Flow, _ change: (UInt64) -> UInt64) {
        for way in 0..<Int(RECORDS_PER_LINE) {
            let record = maps.records.load64(element: flow.recordLines.home, offset: 8 * way)
            guard record != 0, UInt32(truncatingIfNeeded: record) == flow.fingerprint else { continue }
            maps.records.store64(change(record), element: flow.recordLines.home, offset: 8 * way)
        }
    }

    /// Puts a record into a way of a line.
    func setRecord(_ record: UInt64, line: Int, way: Int) {
        maps.records.store64(record, element: line, offset: 8 * way)
    }

    /// What a slot holds, and a store into it.
    func word(of flow: Flow, in service: String) throws -> SlotWord {
        SlotWord(
            rawValue: maps.slots.load32(element: try line(of: flow, in: service), offset: try offset(flow, service)))
    }

    func setWord(_ word: SlotWord, of flow: Flow, in service: String) throws {
        maps.slots.store32(word.rawValue, element: try line(of: flow, in: service), offset: try offset(flow, service))
    }

    private func offset(_ flow: Flow, _ service: String) throws -> Int {
        4 * (flow.slot(in: try self.service(service).place.size) % Int(SLOTS_PER_LINE))
    }

    /// Rewrites a backend's flags, which lie in the second byte of its entry.
    func setFlag(_ flag: backend_flags, of backend: UInt16, _ isSet: Bool) {
        let bit = UInt32(flag.rawValue) << 8
        let word = maps.backends.load32(element: Int(backend), offset: 0)
        maps.backends.store32(isSet ? word | bit : word & ~bit, element: Int(backend), offset: 0)
    }

    /// Keys and what they stand for, as words.
    func rememberedFragments() throws -> Set<[UInt64]> {
        var found: Set<[UInt64]> = []
        for key in try fragments.keys(as: FragmentKey.self) {
            guard let value = try fragments.lookup(key, as: CDataplane.fragment.self) else { continue }
            let words = withUnsafeBytes(of: key.words) { Array($0.bindMemory(to: UInt64.self)) }
            found.insert(words + withUnsafeBytes(of: value) { Array($0.bindMemory(to: UInt64.self)) })
        }
        return found
    }

    func fragmentCount() throws -> Int { try fragments.keys(as: FragmentKey.self).count }
}
