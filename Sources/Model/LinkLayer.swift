// SPDX-License-Identifier: Apache-2.0

/// An Ethernet address: 48 bits, the first octet the highest.
public struct MACAddress: Hashable, Sendable {
    public let bits: UInt64

    public init(bits: UInt64) { self.bits = bits & 0xffff_ffff_ffff }

    /// Six bytes in the order of the wire.
    public var bytes: [UInt8] { (0..<6).map { UInt8(truncatingIfNeeded: bits >> UInt64(40 - 8 * $0)) } }
}

/// A network interface that the program is attached to, or that packets leave by.
public struct NetworkInterface: Hashable, Sendable {
    public let index: UInt32
    public let name: String
    public let address: MACAddress
    /// Largest IP packet, in bytes.
    public let mtu: UInt16
    /// A device of the kernel's own (veth, bridge, bond, VLAN, ...): what it hands on above its MTU is to be segmented
    /// later, as the sender was on this machine or the card below has gathered it.
    public let isVirtual: Bool

    public init(index: UInt32, name: String, address: MACAddress, mtu: UInt16, isVirtual: Bool) {
        self.index = index
        self.name = name
        self.address = address
        self.mtu = mtu
        self.isVirtual = isVirtual
    }
}

/// How a packet reaches a backend's address: what goes into its Ethernet header and out of which interface.
public struct NextHop: Hashable, Sendable {
    /// The interface that frames leave by; for a VLAN device its parent.
    public let interface: NetworkInterface
    public let destination: MACAddress
    /// VLAN identifier to put on; nil for none.
    public let vlan: UInt16?
    /// The path's MTU: the route's, else the interface's.
    public let mtu: UInt16

    public init(interface: NetworkInterface, destination: MACAddress, vlan: UInt16? = nil, mtu: UInt16) {
        self.interface = interface
        self.destination = destination
        self.vlan = vlan
        self.mtu = mtu
    }
}
