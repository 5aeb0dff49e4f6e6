// SPDX-License-Identifier: Apache-2.0

import BPF
import CLinux
import Diagnosis
import EventLoop
import Glibc
import NextHops

/// The interfaces that the configuration names, as the kernel and their drivers have them.
struct InterfaceSurvey {
    let names: [String]
    let isRoot: Bool

    func interfaces() -> Reading<[Facts.Interface]> {
        do {
            let links = try NetworkInterfaces.list()
            let socket = try Descriptor(
                adopting: linux_datagram_socket(), operation: "open socket for", subject: "ethtool")
            return .known(
                try names.map { name in
                    let link = try links.first { $0.interface.name == name }.map {
                        try facts(of: $0, links, socket.rawValue)
                    }
                    return Facts.Interface(
                        name: name, link: link, rpFilter: KernelSetting.greater(of: "rp_filter", on: name),
                        arpIgnore: KernelSetting.greater(of: "arp_ignore", on: name))
                })
        } catch {
            return .unknown("\(error)")
        }
    }

    private func facts(of link: NetworkLink, _ all: [NetworkLink], _ socket: Int32) throws -> Facts.Interface.Link {
        let name = link.interface.name
        var facts = Facts.Interface.Link(
            index: link.interface.index, mtu: link.interface.mtu, driver: try NetworkInterfaces.driver(of: name),
            kind: link.kind)
        facts.isUp = link.isUp
        facts.hasCarrier = link.hasCarrier
        facts.isEthernet = link.isEthernet
        facts.isLoopback = link.isLoopback
        facts.parent = all.first { $0.interface.index == link.parent }?.interface.name
        facts.master = all.first { $0.interface.index == link.master }.map {
            Facts.Interface.Master(name: $0.interface.name, kind: $0.kind)
        }
        facts.vlans = all.filter { $0.parent == link.interface.index }.compactMap(\.vlan)
        facts.mtuMax = link.mtuRange?.upperBound
        facts.queues = Self.queues(of: link, socket)
        facts.offloads = try Self.offloads(of: name, socket)
        facts.attached = try attached(to: link)
        return facts
    }

    private static func queues(of link: NetworkLink, _ socket: Int32) -> Facts.Interface.Queues {
        var now: UInt32 = 0
        var most: UInt32 = 0
        guard linux_ethtool_receive_queues(socket, link.interface.name, &now, &most) == 0 else {
            let count = Int(link.receiveQueues)
            return Facts.Interface.Queues(receive: count, receiveMax: count)
        }
        return Facts.Interface.Queues(receive: Int(now), receiveMax: Int(most))
    }

    private static func offloads(of name: String, _ socket: Int32) throws -> Set<Facts.Interface.Offload> {
        var offloads = Set(
            try NetworkInterfaces.offloads(of: name).compactMap { offload -> Facts.Interface.Offload? in
                switch offload {
                case .receiveChecksum: nil
                case .transmitChecksum: .tx
                case .segmentation: .tso
                case .genericSegmentation: .gso
                case .genericReceive: .gro
                }
            })
        let flags = linux_ethtool_flags(socket, name)
        if flags & UInt32(ETH_FLAG_LRO.rawValue) != 0 { offloads.insert(.lro) }
        if flags & UInt32(ETH_FLAG_RXVLAN.rawValue) != 0 { offloads.insert(.rxvlan) }
        return offloads
    }

    /// Names of programs are for root to read.
    private func attached(to link: NetworkLink) throws -> Facts.Interface.Attached? {
        guard isRoot else {
            return link.program.map {
                Facts.Interface.Attached(
                    mode: $0.mode == .hardware ? .hardware : $0.mode == .generic ? .generic : .native, programID: $0.id)
            }
        }
        return try XDPAttachment.current(on: link.interface.index).map {
            Facts.Interface.Attached(
                mode: $0.mode.map { $0 == .native ? .native : .generic } ?? .hardware, programID: $0.programID,
                programName: $0.programName)
        }
    }
}
