// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Glibc
import Model

extension Explanation {
    /// What a person reads: subjects with what is to be said of them, in order.
    ///
    /// - Parameter generation: gives things their names; without it they are called by their ids.
    public func lines(in generation: Generation?) -> [(subject: String, text: String)] {
        let placed = service.flatMap { id in generation?.services.first { $0.id == id } }
        let names = BackendNames(placed)
        var lines: [(subject: String, text: String)] = []
        guard let service else {
            lines.append(("service", "none: \(Self.endpoint(packet)) is no VIP of this host"))
            lines.append(("verdict", "\(verdict), reason \(reason)"))
            return lines
        }
        let vip = entry.map { ", \($0.vip)" } ?? ""
        let number = generation.map { ", generation \($0.epoch).\($0.number)" } ?? ""
        lines.append(("service", "\(placed?.service.name ?? "id \(service.rawValue)")\(vip)\(number)"))
        if let slot, let entry {
            let place = "\(slotIndex) of \(entry.tableSize.slots)\(Self.chooser(entry))"
            lines.append(("slot", "\(place), \(state(of: slot, names))"))
        }
        lines += backendLines(names)
        if let output { lines.append(("sends", sends(output))) }
        if output == nil { lines.append(("verdict", "\(verdict), reason \(reason)")) }
        return lines
    }

    /// Where other flows of the client's share the slot.
    private static func chooser(_ entry: VIPEntry) -> String {
        if entry.key == .sourceIP { return " by the client's address alone" }
        return entry.vip.port == 0 ? " by the client's address and port, whatever the VIP's" : ""
    }

    private func state(of slot: Slot, _ names: BackendNames) -> String {
        guard slot.isUnsettled else { return "settled" }
        let since = changedAgo.map { " since \($0) s" } ?? ""
        let draining = slot.previous.flatMap { names.isDraining($0) ? " (\(names.name($0)) is draining)" : nil } ?? ""
        return "unsettled\(since)\(draining)"
    }

    private func backendLines(_ names: BackendNames) -> [(subject: String, text: String)] {
        guard let backend else { return [("backend", "none: \(reason)")] }
        var lines = [("backend", "\(names.title(backend)): \(why)")]
        if let newConnection, newConnection != backend {
            lines.append(("", "a new connection (SYN) would go to \(names.title(newConnection))"))
        }
        return lines.map { (subject: $0.0, text: $0.1) }
    }

    private var why: String {
        switch reason {
        case Reason(REASON_SETTLED): "the slot alone says so"
        case Reason(REASON_NEW): "a new connection goes to the slot's current backend"
        case Reason(REASON_RECORDED): "a record says so, last used \(record?.age ?? 0) s ago"
        case Reason(REASON_PREVIOUS): "no record, so a flow older than the change goes to the previous backend"
        case Reason(REASON_CURRENT): "no record and no older flow: the current backend"
        default: reason.description
        }
    }

    private func sends(_ output: FrameSummary) -> String {
        let vlan = output.vlan.map { ", VLAN \($0)" } ?? ""
        let way = interface.map { Self.name(ofInterface: $0) } ?? "the interface it came in by"
        return "\(output), \(inputLength) → \(output.length) bytes, \(way), next hop \(output.destination)\(vlan)"
    }

    private static func name(ofInterface index: UInt32) -> String {
        var name = [CChar](repeating: 0, count: Int(IF_NAMESIZE))
        guard if_indextoname(index, &name) != nil else { return "interface \(index)" }
        return name.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    private static func endpoint(_ packet: MadePacket) -> String {
        VIP(address: packet.destination, port: packet.destinationPort, transport: packet.transport).description
    }
}

/// What the backends of one service are called.
struct BackendNames {
    private let placed: PlacedService?

    init(_ placed: PlacedService?) { self.placed = placed }

    func name(_ id: BackendID) -> String { backend(id)?.backend.name ?? "id \(id.rawValue)" }

    /// `web2 (10.3.0.22)`.
    func title(_ id: BackendID) -> String {
        backend(id).map { "\($0.backend.name) (\($0.backend.address))" } ?? "id \(id.rawValue)"
    }

    func isDraining(_ id: BackendID) -> Bool { backend(id)?.state == .draining }

    /// `id 9 (web4, removed)`.
    func holder(_ id: BackendID?) -> String {
        guard let id else { return "nothing" }
        if let found = backend(id) {
            return "id \(id.rawValue) (\(found.backend.name)\(found.state == .draining ? ", draining" : ""))"
        }
        if let settled = placed?.settled.first(where: { $0.id == id }) {
            return "id \(id.rawValue) (\(settled.name), removed)"
        }
        return "id \(id.rawValue) (unknown here)"
    }

    private func backend(_ id: BackendID) -> PlacedBackend? { placed?.backends.first { $0.id == id } }
}
