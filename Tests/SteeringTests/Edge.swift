// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import Glibc
import Model
import TestSupport

@testable import Dataplane

/// A host with its own pins: the code that fills maps on a host, and the program that reads them in the kernel.
final class Edge {
    private let pins: PinDirectory
    private var installation: Installation?
    private var program: Program?
    private(set) var generation: Generation?
    /// Lines that any table has lain in.
    private var lines = 0

    init() throws {
        // What is written down of the time must not become older than the kernel is.
        while MonotonicClock.seconds() < UInt32((Schedule.ticks + 8) * Schedule.tick) { sleep(1) }
        pins = try PinDirectory()
        try start()
    }

    /// Ends what stands for the daemon and begins anew on the pins that are there.
    func restart() throws {
        installation = nil
        try start()
        if let generation {
            try apply(generation, down: down)
            try finish()
        }
    }

    private func start() throws {
        let settings = DataplaneSettings(
            bpfRoot: pins.path, cache: "\(RepositoryRoot.path)/.build/bpf-cache", sources: "\(RepositoryRoot.path)/bpf")
        let installation = try Installation(settings)
        if let note = try installation.start().note { throw Unusable(what: note) }
        self.installation = installation
    }

    private var down: Set<BackendID> = []

    /// Puts it in force; `finish` is due.
    func apply(_ generation: Generation, down: Set<BackendID> = []) throws {
        guard let installation else { throw Unusable(what: "an edge without its daemon") }
        let edge = NetworkInterface(
            index: 5, name: "eth0", address: MACAddress(bits: 0x0200_0000_0005), mtu: 1500, isVirtual: false)
        let hop = NextHop(interface: edge, destination: MACAddress(bits: 0x0200_0000_0301), mtu: 1500)
        let addresses = generation.services.flatMap { $0.backends.map(\.backend.address) }
        let view = HostView(
            interfaces: [], nextHops: Dictionary(addresses.map { ($0, hop) }) { one, _ in one }, down: down)
        _ = try installation.apply(generation, on: view)
        self.generation = generation
        self.down = down
        program = installation.loaded?.program
        for service in installation.tables?.applied?.services ?? [] {
            lines = max(lines, service.place.lines.upperBound)
        }
    }

    func finish() throws {
        try installation?.finish()
        program = installation?.loaded?.program
    }

    /// - Parameter later: seconds by which the host's clock is wrong.
    /// - Returns: the services that have no unsettled slot.
    func settle(later: UInt32 = 0) throws -> Set<String> {
        try tables().settle(now: MonotonicClock.seconds() + later)
    }

    /// Sends one frame through the program.
    ///
    /// - Returns: the last two bytes of the address that it is sent to, 0 where it is not sent.
    func send(_ frame: [UInt8]) throws -> UInt16 {
        guard let program else { throw Unusable(what: "an edge without a generation") }
        let sent = try program.testRun(TestRun(data: frame))
        guard sent.verdict == 3 else { return 0 }  // XDP_TX
        let end = sent.data[12] == 0x08 ? 34 : 54  // of an outer IPv4 or IPv6 header behind Ethernet's
        return UInt16(sent.data[end - 2]) << 8 | UInt16(sent.data[end - 1])
    }

    private func tables() throws -> Tables {
        guard let tables = installation?.tables else { throw Unusable(what: "an edge without a generation") }
        return tables
    }
}

/// What a test cannot begin with.
struct Unusable: Error, CustomStringConvertible {
    let what: String
    var description: String { "not usable: \(what)" }
}

// MARK: - Time

extension Edge {
    /// Lets time pass in a moment. The kernel's clock cannot be set, but all that is kept of it lies in maps, and only
    /// differences to it are ever looked at: so whatever is written there is made older.
    func pass(units: Int) throws {
        try ageRecords(units: units)
        let seconds = UInt32(units) << UInt32(RECORD_AGE_UNIT_SHIFT)
        let times = try tables().maps.lineTimes.base.assumingMemoryBound(to: line_times.self)
        for line in 0..<lines {
            if times[line].used > seconds { times[line].used -= seconds }
            if times[line].changed > seconds { times[line].changed -= seconds }
        }
    }

    /// - Parameter units: -1 makes every record as young as a CPU may have written it whose clock is ahead.
    func ageRecords(units: Int) throws {
        let records = try tables().maps.records.base.assumingMemoryBound(to: UInt64.self)
        let age = UInt64(truncatingIfNeeded: units) << UInt64(RECORD_AGE_SHIFT)
        for index in 0..<Int(RECORD_LINES) * Int(RECORDS_PER_LINE) where records[index] != 0 {
            // The age is the word's highest part, and counts modulo 2^16.
            records[index] &-= age
        }
    }
}

// MARK: - What it holds

extension Edge {
    /// Of a flow, in the table in force.
    func word(of flow: Flow, in service: PlacedService) throws -> SlotWord {
        let slot = flow.slot(in: service.service.tableSize)
        let place = TablePlace(granule: service.table, size: service.service.tableSize)
        let words = try tables().maps.slots.base.assumingMemoryBound(to: UInt32.self)
        return SlotWord(rawValue: words[place.lines.lowerBound * Int(SLOTS_PER_LINE) + slot])
    }

    /// What the kernel has that the generation and what is down do not say, in words.
    func differences() throws -> [String] {
        guard let generation else { return [] }
        return try Verify.differences(generation, down: down, kernel: try KernelState.open(bpfRoot: pins.path))
            .map(\.description)
    }

    func records() throws -> (all: Int, evicted: UInt64) {
        let kernel = try KernelState.open(bpfRoot: pins.path)
        return (kernel.recordCount(), kernel.counts()[Reason(REASON_RECORD_EVICTED)]?.packets ?? 0)
    }

    /// The record that a packet of the flow would find, in words.
    func record(of flow: Flow) throws -> String {
        let record = try KernelState.open(bpfRoot: pins.path).record(of: flow)
        return record.map { "record of \($0.backend.rawValue), age \($0.age)" } ?? "no record"
    }
}
