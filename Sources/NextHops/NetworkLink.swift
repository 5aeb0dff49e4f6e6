// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Model

/// A network interface with what of it matters to a program on it: rtnetlink(7), RTM_NEWLINK.
public struct NetworkLink: Hashable, Sendable {
    /// Index, name, address and MTU; the address is zero where it is not six bytes long.
    public var interface: NetworkInterface
    /// Somebody set it up (IFF_UP).
    public var isUp: Bool
    /// It could carry packets now (IFF_LOWER_UP).
    public var hasCarrier: Bool
    /// Frames on it begin with an Ethernet header.
    public var isEthernet: Bool
    public var isLoopback: Bool
    /// As the kernel names it: "vlan", "bond", "bridge", "veth", ...; nil for hardware.
    public var kind: String?
    /// What it sits on, in the same namespace; nil for none.
    public var parent: UInt32?
    /// Identifier of a VLAN device.
    public var vlan: UInt16?
    /// The bond or bridge that it belongs to.
    public var master: UInt32?
    public var receiveQueues: UInt32
    public var transmitQueues: UInt32
    /// What the driver takes, in bytes of IP; nil where it does not say.
    public var mtuRange: ClosedRange<UInt32>?
    /// The XDP program on it.
    public var program: AttachedProgram?

    public struct AttachedProgram: Hashable, Sendable {
        public enum Mode: UInt8, Hashable, Sendable {
            case native = 1
            case generic = 2
            case hardware = 3
            case several = 4
        }

        public var id: UInt32
        public var mode: Mode
    }
}

extension NetworkLink {
    /// Of an RTM_NEWLINK or RTM_DELLINK message's body.
    init(netlink body: ArraySlice<UInt8>) throws(NetlinkParseError) {
        // struct ifinfomsg: family 0, type 2, index 4, flags 8, change 12.
        guard let type = body.number(at: 2, as: UInt16.self), let index = body.number(at: 4, as: Int32.self), index > 0,
            let flags = body.number(at: 8, as: UInt32.self), body.count >= 16
        else { throw NetlinkParseError(offset: body.startIndex, cause: "a link message that is cut") }
        let attributes = try NetlinkAttributes(body.dropFirst(16))
        isEthernet = type == UInt16(ARPHRD_ETHER)
        let details = try attributes.nested(IFLA_LINKINFO)
        kind = details?.text(IFLA_INFO_KIND)
        // Every kind: what sits on a card (vlan, macvlan) gets its frames from there, and the card gathers them (GRO), as
        // the program that would keep it from that is not attached to the card itself.
        interface = NetworkInterface(
            index: UInt32(index), name: attributes.text(IFLA_IFNAME) ?? "",
            address: attributes[IFLA_ADDRESS].flatMap(MACAddress.init(netlink:)) ?? MACAddress(bits: 0),
            mtu: UInt16(clamping: attributes.number(IFLA_MTU, as: UInt32.self) ?? 0), isVirtual: kind != nil)
        isUp = flags & UInt32(IFF_UP) != 0
        hasCarrier = flags & 1 << 16 != 0
        isLoopback = flags & UInt32(IFF_LOOPBACK) != 0
        // A link with a namespace of its own (a veth's other end) has an index that means nothing here.
        parent = attributes[IFLA_LINK_NETNSID] == nil ? attributes.number(IFLA_LINK, as: UInt32.self) : nil
        if parent == UInt32(index) || parent == 0 { parent = nil }
        master = attributes.number(IFLA_MASTER, as: UInt32.self)
        receiveQueues = attributes.number(IFLA_NUM_RX_QUEUES, as: UInt32.self) ?? 1
        transmitQueues = attributes.number(IFLA_NUM_TX_QUEUES, as: UInt32.self) ?? 1
        mtuRange = Self.mtuRange(attributes)
        if kind == "vlan" { vlan = try details?.nested(IFLA_INFO_DATA)?.number(IFLA_VLAN_ID, as: UInt16.self) }
        program = try Self.program(attributes)
    }

    private static func mtuRange(_ attributes: NetlinkAttributes) -> ClosedRange<UInt32>? {
        // A maximum of 0 means that the driver sets none.
        guard let least = attributes.number(IFLA_MIN_MTU, as: UInt32.self),
            let most = attributes.number(IFLA_MAX_MTU, as: UInt32.self), most >= least, most > 0
        else { return nil }
        return least...most
    }

    private static func program(_ attributes: NetlinkAttributes) throws(NetlinkParseError) -> AttachedProgram? {
        guard let details = try attributes.nested(IFLA_XDP),
            let mode = details.number(IFLA_XDP_ATTACHED, as: UInt8.self).flatMap(AttachedProgram.Mode.init)
        else { return nil }
        return AttachedProgram(id: details.number(IFLA_XDP_PROG_ID, as: UInt32.self) ?? 0, mode: mode)
    }
}
