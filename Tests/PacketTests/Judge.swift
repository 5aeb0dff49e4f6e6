// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model
import TestSupport

@testable import Dataplane

/// What becomes of a row on a stage, and what of that is wrong.
struct Judge {
    let stage: Stage
    let row: Row
    private(set) var faults: [String] = []

    init(_ row: Row, on stage: Stage) {
        self.row = row
        self.stage = stage
    }

    /// Runs the row for real.
    mutating func run() throws {
        try stage.reset()
        try runOn()
    }

    /// Runs it over what the rows before have left.
    mutating func runOn() throws {
        for packet in row.earlier { _ = try stage.run(packet.frame) }
        try row.prepare?(stage)
        let counted = (stage.serviceCounts(), stage.backendCounts())
        let result = try stage.run(row.packet.frame)
        try checkOutcome(result.verdict, result.data, of: row.packet)
        try checkCounters(since: counted)
    }

    /// Runs it as a dry run, by an interface that is not attached.
    mutating func runDry() throws {
        try stage.reset()
        try runDryOn()
    }

    /// The same over what is there.
    mutating func runDryOn() throws {
        let nonce: UInt64 = 0xbeef
        let packet = row.packet.with { $0.link.source = MACAddress(bits: Self.dryRunMAC << 16 | nonce) }
        let traces = stage.traces()
        let fragments = try stage.rememberedFragments()
        let result = try stage.run(packet.frame)
        try checkOutcome(result.verdict, result.data, of: packet)
        for map in traces.changed { faults.append("a dry run left a trace in \(map)") }
        if try stage.rememberedFragments() != fragments { faults.append("a dry run left a trace in fragments") }
        let explanation = stage.maps.explanation[0]
        if explanation.nonce != UInt32(nonce) { faults.append("the explanation is of another run") }
        if explanation.reason != row.reason.rawValue {
            faults.append("explained by \(ReasonName(explanation.reason)), wanted \(ReasonName(row.reason.rawValue))")
        }
        let service = try row.service.map { UInt32(try stage.service($0).id) } ?? 0
        if explanation.service != service { faults.append("explained as of service \(explanation.service)") }
    }

    private static let dryRunMAC = [DRY_RUN_MAC0, DRY_RUN_MAC1, DRY_RUN_MAC2, DRY_RUN_MAC3].reduce(UInt64(0)) {
        $0 << 8 | UInt64($1)
    }
}

// MARK: - Frames

extension Judge {
    private mutating func checkOutcome(_ verdict: UInt32, _ frame: [UInt8], of packet: Packet) throws {
        switch row.outcome {
        case .passed, .delivered:
            expect(verdict, XDP.pass)
            compare(frame, packet.frame)
        case .dropped: expect(verdict, XDP.drop)
        case .answered(_, let answer):
            expect(verdict, XDP.transmit)
            let turned = answer.with {
                $0.link = packet.link
                $0.link.destination = packet.link.source
                $0.link.source = packet.link.destination
            }
            compare(frame, turned.frame)
        case .forwarded:
            expect(verdict, stage.redirects ? XDP.redirect : XDP.transmit)
            guard let service = row.service else { throw Unusable(what: "a row of no service: \(row.name)") }
            let way = try Way(of: packet, flow: row.flow ?? packet, service: service, to: target(), on: stage)
            compare(frame, way.frame)
            guard way.forwarding != .l2, frame.count > 60 else { return }
            do {
                let outer = try OuterPacket(frame)
                if outer.inner != way.inner { faults.append("the inner packet is not as it came") }
                if outer.destination != way.backend.backend.address { faults.append("to \(outer.destination)") }
            } catch {
                faults.append("\(error)")
            }
        }
    }

    private func target() throws -> PlacedBackend {
        guard let service = row.service else { throw Unusable(what: "a row of no service: \(row.name)") }
        let target: Row.Target
        switch row.outcome {
        case .forwarded(_, let named): target = named
        case .delivered: target = .current
        case .passed, .dropped, .answered: throw Unusable(what: "not forwarded: \(row.name)")
        }
        let slot = try stage.slot(row.sharer ?? row.flow ?? row.packet, of: service)
        switch target {
        case .current: return try stage.backend(slot.current, of: service)
        case .previous: return try stage.backend(slot.previous, of: service)
        case .named(let name): return try stage.backend(name, of: service)
        }
    }

    private mutating func expect(_ verdict: UInt32, _ wanted: UInt32) {
        guard verdict != wanted else { return }
        faults.append("verdict \(XDP.name(verdict)), wanted \(XDP.name(wanted))")
    }

    private mutating func compare(_ frame: [UInt8], _ wanted: [UInt8]) {
        guard frame != wanted else { return }
        let place = zip(frame, wanted).enumerated().first { $0.element.0 != $0.element.1 }?.offset
        let common = place ?? min(frame.count, wanted.count)
        faults.append(
            "frame of \(frame.count) bytes, wanted \(wanted.count); they differ at \(common): "
                + "\(Array(frame.dropFirst(common).prefix(24)).hexadecimal), "
                + "wanted \(Array(wanted.dropFirst(common).prefix(24)).hexadecimal)")
    }
}

// MARK: - Counters

extension Judge {
    /// One packet more for the reason, with the frame's bytes, for one service; for the backend where there is one; nothing else.
    private mutating func checkCounters(since earlier: ([Stage.Count], [Stage.Count])) throws {
        let bytes = UInt64(row.packet.frame.count)
        let service = try row.service.map { Int(try stage.service($0).id) } ?? 0
        let rise = Stage.Count(key: service, reason: row.reason.rawValue, packets: 1, bytes: bytes)
        check("service", stage.serviceCounts(), rose: [rise], since: earlier.0)
        var backends: [Stage.Count] = []
        switch row.outcome {
        case .forwarded, .delivered:
            backends = [Stage.Count(key: Int(try target().id.rawValue), packets: 1, bytes: bytes)]
        case .passed, .dropped, .answered: break
        }
        check("backend", stage.backendCounts(), rose: backends, since: earlier.1)
    }

    private mutating func check(
        _ what: String, _ counts: [Stage.Count], rose wanted: [Stage.Count], since earlier: [Stage.Count]
    ) {
        var rose: [Stage.Count] = []
        for var count in counts {
            if let old = earlier.first(where: { $0.key == count.key && $0.reason == count.reason }) {
                count.packets -= old.packets
                count.bytes -= old.bytes
            }
            if count.packets != 0 || count.bytes != 0 { rose.append(count) }
        }
        guard rose != wanted else { return }
        func words(_ counts: [Stage.Count]) -> String {
            counts.map { "\(what) \($0.key) \(ReasonName($0.reason)) \($0.packets) packets \($0.bytes) bytes" }
                .joined(separator: ", ")
        }
        faults.append("counted: [\(words(rose))], wanted [\(words(wanted))]")
    }
}

/// A reason's name as `dataplane.h` has it, for people who read a failure.
struct ReasonName: CustomStringConvertible {
    private let value: UInt32

    init(_ value: UInt32) { self.value = value }

    var description: String { Int(value) < Self.names.count ? Self.names[Int(value)] : "reason \(value)" }

    private static let names: [String] = {
        let header = RepositoryRoot.path + "/bpf/include/dataplane.h"
        guard case .success(let text) = Result(catching: { try Shell.run("sed -n '/^enum reason/,/^}/p' \(header)") })
        else { return [] }
        return text.split(separator: "\n").compactMap { line in
            guard let name = line.split(whereSeparator: { " \t,".contains($0) }).first else { return nil }
            return name.hasPrefix("REASON_") ? String(name) : nil
        }
    }()
}
