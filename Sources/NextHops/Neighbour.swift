// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Model

/// Whose Ethernet address is asked for: an address on a link.
struct NeighbourKey: Hashable, Sendable {
    var link: UInt32
    var address: IPAddress
}

/// What the kernel knows of a neighbour: rtnetlink(7), RTM_NEWNEIGH.
struct Neighbour: Hashable, Sendable {
    var key: NeighbourKey
    /// NUD_ states, one bit each.
    var state: UInt16
    var mac: MACAddress?

    /// The Ethernet address where frames may be sent to it. A stale one is good: what XDP forwards does not confirm it.
    var usable: MACAddress? { state & Self.goodStates != 0 ? mac : nil }

    private static let goodStates = UInt16(
        NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)
}

extension Neighbour {
    /// Of an RTM_NEWNEIGH or RTM_DELNEIGH message's body; nil for a family that is not IP's or a proxy entry.
    init?(netlink body: ArraySlice<UInt8>) throws(NetlinkParseError) {
        // struct ndmsg: family 0, index 4, state 8, flags 10, type 11.
        guard let family = body.first, let link = body.number(at: 4, as: Int32.self),
            let state = body.number(at: 8, as: UInt16.self), let flags = body.number(at: 10, as: UInt8.self),
            body.count >= 12
        else { throw NetlinkParseError(offset: body.startIndex, cause: "a neighbour message that is cut") }
        guard Int32(family) == AF_INET || Int32(family) == AF_INET6, link > 0, flags & UInt8(NTF_PROXY) == 0 else {
            return nil
        }
        let attributes = try NetlinkAttributes(body.dropFirst(12))
        guard let address = attributes[NDA_DST].flatMap(IPAddress.init(netlink:)) else { return nil }
        key = NeighbourKey(link: UInt32(link), address: address)
        self.state = state
        mac = attributes[NDA_LLADDR].flatMap(MACAddress.init(netlink:))
    }
}
