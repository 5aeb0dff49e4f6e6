// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

/// Makes the template that the program puts in front of a backend's packets.
struct BackendTemplate {
    let host: HostView
    let ports: PortAssignment

    /// - Parameters:
    ///   - flags: `enum backend_flags` but for the next hop's.
    /// - Throws: where no encapsulation carries the VIP's packets to the backend's address.
    func entry(_ placed: PlacedBackend, of service: PlacedService, flags: UInt32) throws(ImageError)
        -> CDataplane.backend
    {
        var entry = CDataplane.backend()
        entry.forward = UInt8(truncatingIfNeeded: try forward(to: placed.backend, of: service).rawValue)
        entry.service = service.id.rawValue
        entry.destination = CDataplane.address(placed.backend.address)
        var flags = flags
        if entry.forward != UInt8(FORWARD_LOCAL.rawValue), !route(&entry, to: placed.backend.address) {
            flags |= BACKEND_NO_NEXT_HOP.rawValue
        }
        entry.flags = UInt8(truncatingIfNeeded: flags)
        addOuterHeader(&entry, to: placed.backend.address)
        return entry
    }

    private func forward(to backend: Backend, of service: PlacedService) throws(ImageError) -> forward {
        switch (service.service.forwarding, backend.address.isIPv4) {
        case (.ipip, true):
            // 6in4 is another protocol, which IPIP's receivers do not take.
            guard service.service.vip.address.isIPv4 else {
                throw ImageError(
                    "service \(service.service.name): backend \(backend.name) is IPv4, "
                        + "and ipip does not carry an IPv6 VIP over IPv4: use gue, or an IPv6 address")
            }
            return FORWARD_IPIP4
        case (.ipip, false): return FORWARD_IPIP6
        case (.gue, true): return FORWARD_GUE4
        case (.gue, false): return FORWARD_GUE6
        case (.l2, _): return FORWARD_L2
        case (.local, _), (.sockets, _): return FORWARD_LOCAL
        }
    }

    /// Whether there is a way.
    private func route(_ entry: inout CDataplane.backend, to address: IPAddress) -> Bool {
        guard let hop = host.nextHops[address], let port = port(of: hop.interface.index) else { return false }
        entry.mtu = hop.mtu
        entry.vlan = networkOrder(hop.vlan ?? 0)
        entry.destination_mac = mac(hop.destination)
        entry.source_mac = mac(hop.interface.address)
        entry.port = port
        return true
    }

    /// 0 where the packet leaves by the only interface that it can have come in by: no redirect then.
    private func port(of interface: UInt32) -> UInt32? {
        if host.interfaces.isEmpty || host.interfaces.count == 1 && host.interfaces[0].index == interface { return 0 }
        return ports.key(of: interface).map { $0 + 1 }
    }

    private func addOuterHeader(_ entry: inout CDataplane.backend, to address: IPAddress) {
        switch CDataplane.forward(rawValue: UInt32(entry.forward)) {
        case FORWARD_IPIP4, FORWARD_GUE4:
            let prefix = host.sourcePrefix4
            entry.source = CDataplane.address(prefix.address)
            entry.source_mask = networkOrder(~mask(UInt32.self, length: prefix.length))
            let isGUE = UInt32(entry.forward) == FORWARD_GUE4.rawValue
            entry.checksum = OuterIPv4.sum(
                source: prefix.address, destination: address, protocol: isGUE ? OuterIPv4.udp : OuterIPv4.ipip)
        case FORWARD_IPIP6, FORWARD_GUE6:
            let prefix = host.sourcePrefix6
            entry.source = CDataplane.address(prefix.address)
            // The flow fills the last word at most.
            entry.source_mask = networkOrder(~mask(UInt32.self, length: prefix.length - 96))
        default: break
        }
    }
}

/// The outer IPv4 header as far as it is the same for every packet to a backend (RFC 791).
enum OuterIPv4 {
    static let ipip: UInt8 = 4
    static let udp: UInt8 = 17

    private static let dontFragment: UInt32 = 0x4000

    /// The sum over version and header length, DF, TTL, protocol and addresses: folded, not inverted (RFC 1071).
    static func sum(source: IPAddress, destination: IPAddress, protocol: UInt8) -> UInt32 {
        let words: [UInt32] = [
            0x4500, dontFragment, UInt32(OUTER_TTL) << 8 | UInt32(`protocol`),
            source.v4Bits >> 16, source.v4Bits & 0xffff, destination.v4Bits >> 16, destination.v4Bits & 0xffff,
        ]
        var sum = words.reduce(0, +)
        while sum > 0xffff { sum = sum >> 16 + sum & 0xffff }
        // Summed in network order: the sum of swapped words is the swapped sum.
        return UInt32(networkOrder(UInt16(truncatingIfNeeded: sum)))
    }
}

/// What cannot be made into map entries.
public struct ImageError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}
