// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// What lies in an edge's kernel, looked at and spoiled past Sluice's own tools.
extension Edge {
    struct Explanation: Decodable {
        var verdict: String
        var reason: String
        var slot: Int?
        var isUnsettled: Bool?
        var current: String?
        var previous: String?
        var backend: String?
        var recorded: Bool
    }

    /// What the program would do with a packet of the client's flow from this port.
    func explain(port: UInt16, to vip: String = Lab.vip) async throws -> Explanation {
        try await ctl("explain", "--src", "\(Lab.client):\(port)", "--dst", "\(vip):80", as: Explanation.self)
    }

    /// The id of the program on `eth0`.
    func program() async throws -> Int {
        struct Link: Decodable {
            struct Attachment: Decodable { var prog: Program }
            struct Program: Decodable { var id: Int }
            var xdp: Attachment?
        }
        let text = try await Command.run(["ip", "-n", "\(lab)-\(name)", "-j", "link", "show", "dev", "eth0"])
        guard let id = try JSON.read(text, as: [Link].self).first?.xdp?.prog.id else {
            throw SystemError("\(name): find the program of eth0", cause: "there is none")
        }
        return id
    }

    /// Its pins with their inodes: a pin that is made anew has another.
    func inodes() async throws -> [String] {
        try await Command.run(["find", pins, "-type", "f", "-printf", "%P %i\\n"])
            .split(separator: "\n").map(String.init).sorted()
    }

    /// Packets of the first service by CPU, for a reason of `dataplane.h`.
    func packetsByCPU(reason: Int, service: Int = 1) async throws -> [UInt64] {
        struct Counter: Decodable { var packets: UInt64 }
        var counts: [UInt64] = []
        for cpu in 0..<ProcessInfo.processInfo.activeProcessorCount {
            let index = (cpu * 513 + service) * 64 + reason
            counts.append(try await element(index, of: "service_count_v3", as: Counter.self).packets)
        }
        return counts
    }

    /// Whether a VIP in force leaves packets to connections that sockets hold.
    func isHandedOver() async throws -> Bool {
        struct Control: Decodable { var active: Int }
        struct Entry: Decodable { var flags: Int }
        struct Line: Decodable { var entries: [Entry] }
        struct Element: Decodable { var formatted: Formatted }
        struct Formatted: Decodable { var value: Line }
        let half = try await element(0, of: "control_v3", as: Control.self).active & 1
        let dump = try await Command.run(["bpftool", "-j", "map", "dump", "pinned", "\(pins)/maps/vips_v3"])
        let lines = try JSON.read(dump, as: [Element].self).map(\.formatted.value)
        let inForce = lines.dropFirst(half * lines.count / 2).prefix(lines.count / 2)
        return inForce.contains { $0.entries.contains { $0.flags & 0x80 != 0 } }
    }

    /// Gives the first slot in use to no backend at all.
    func damageFirstSlot() async throws {
        struct Line: Decodable { var slots: [UInt32] }
        let linesPerGranule = 64
        for granule in 0..<16 {
            let line = granule * linesPerGranule
            var slots = try await element(line, of: "slots_v3", as: Line.self).slots
            guard slots[0] != 0 else { continue }
            slots[0] = 0x7ffe
            let value = slots.flatMap { bytes($0) }
            try await Command.run(
                ["bpftool", "map", "update", "pinned", "\(pins)/maps/slots_v3", "key"] + bytes(UInt32(line))
                    + ["value"] + value)
            return
        }
        throw SystemError("damage a slot", cause: "no table was found")
    }

    private func element<Value: Decodable>(_ index: Int, of map: String, as: Value.Type) async throws -> Value {
        let text = try await Command.run(
            ["bpftool", "-j", "map", "lookup", "pinned", "\(pins)/maps/\(map)", "key"] + bytes(UInt32(index)))
        return try JSON.read(text, as: MapElement<Value>.self).formatted.value
    }

    /// As bpftool takes them.
    private func bytes(_ value: UInt32) -> [String] {
        withUnsafeBytes(of: value.littleEndian) { $0.map { "\($0)" } }
    }
}

/// As `bpftool -j map lookup` prints one.
private struct MapElement<Value: Decodable>: Decodable {
    struct Formatted: Decodable { var value: Value }
    var formatted: Formatted
}
