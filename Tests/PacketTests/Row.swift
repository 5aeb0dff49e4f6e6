// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Dataplane
import Model

/// One case of the packet table: a packet, and everything that must come of it.
struct Row: Sendable {
    enum Outcome: Sendable {
        /// To the host's own stack, unchanged.
        case passed(reason)
        /// The same, as the service's backend is this host.
        case delivered
        case dropped(reason)
        /// To the backend of new flows, or of old ones, or to one by name.
        case forwarded(reason, to: Target = .current)
        /// Back to whoever sent it, with this.
        case answered(reason, Packet)
    }

    enum Target: Sendable {
        case current, previous
        case named(String)
    }

    /// A sentence.
    let name: String
    let packet: Packet
    let outcome: Outcome
    /// Whose counter it is; nil: nobody's.
    let service: String?
    /// The packet of the same flow that has the client's ports, where this one has not.
    var flow: Packet?
    /// One of another flow, to whose backend it must go as they share a slot.
    var sharer: Packet?
    /// Frames that went before.
    var earlier: [Packet] = []
    /// What the row needs beside what its service says.
    var needs: Features = []
    /// What the maps are brought to beforehand; a dry run of such a row says something else.
    var prepare: (@Sendable (Stage) throws -> Void)?

    init(
        _ name: String, _ packet: Packet, _ outcome: Outcome, _ service: String? = nil, flow: Packet? = nil,
        sharing sharer: Packet? = nil, after earlier: [Packet] = [], needs: Features = [],
        prepare: (@Sendable (Stage) throws -> Void)? = nil
    ) {
        self.name = name
        self.packet = packet
        self.outcome = outcome
        self.service = service
        self.flow = flow
        self.sharer = sharer
        self.earlier = earlier
        self.needs = needs
        self.prepare = prepare
    }
}

extension Row {
    var reason: reason {
        switch outcome {
        case .delivered: REASON_LOCAL
        case .passed(let reason), .dropped(let reason), .forwarded(let reason, _), .answered(let reason, _): reason
        }
    }

    /// Whether the outcome depends on packets before, or on the maps' state.
    var isAlone: Bool { earlier.isEmpty && prepare == nil }

    /// Whether it says nothing of the interface that the frame comes in by: its address, its MTU.
    var isOfAnyInterface: Bool {
        reason != REASON_OTHER_MAC && packet.frame.count - packet.linkLength <= Int(Fleet.edge.mtu)
    }

    /// Whether a program of these features must do as the row says.
    func applies(to stage: Stage) throws -> Bool {
        var needed = needs
        if let service { needed.formUnion(try stage.features(of: service)) }
        let frame = packet.frame
        let type = packet.link.type ?? (packet.isIPv4 ? 0x0800 : 0x86dd)
        if type == 0x0800 { needed.insert(.ipv4) }
        if type == 0x86dd { needed.insert(.ipv6) }
        if frame.count > 3000 { needed.insert(.fragments) }
        return stage.features.isSuperset(of: needed)
    }
}

/// The program's answers, by the kernel's numbers.
enum XDP {
    static let aborted: UInt32 = 0
    static let drop: UInt32 = 1
    static let pass: UInt32 = 2
    static let transmit: UInt32 = 3
    static let redirect: UInt32 = 4

    static func name(_ verdict: UInt32) -> String {
        let names = ["ABORTED", "DROP", "PASS", "TX", "REDIRECT"]
        return names.indices.contains(Int(verdict)) ? names[Int(verdict)] : "\(verdict)"
    }
}
