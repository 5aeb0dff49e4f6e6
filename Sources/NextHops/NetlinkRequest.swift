// SPDX-License-Identifier: Apache-2.0

import CLinux
import Model

/// What is asked of a route socket.
enum NetlinkRequest: Hashable {
    case links
    case neighbours
    /// The kernel's own lookup, as for a packet of this host.
    case route(IPAddress)
    /// Makes the kernel look for a neighbour that it does not know, and check one that it has not heard of for long.
    /// Needs CAP_NET_ADMIN.
    case use(NeighbourKey)

    /// For errors.
    var name: String {
        switch self {
        case .links: "list links by"
        case .neighbours: "list neighbours by"
        case .route(let address): "look up the route to \(address) by"
        case .use(let key): "look for neighbour \(key.address) by"
        }
    }

    /// Whether one message answers it, without a 'done' or acknowledgement behind.
    var hasOneAnswer: Bool {
        if case .route = self { return true }
        return false
    }

    func message(sequence: UInt32) -> NetlinkMessage {
        let dump = UInt16(NLM_F_REQUEST | NLM_F_DUMP)
        switch self {
        case .links:
            // struct ifinfomsg, all zero: every family.
            return message(RTM_GETLINK, dump, sequence, Array(repeating: 0, count: 16))
        case .neighbours:
            // struct ndmsg, all zero: every family.
            return message(RTM_GETNEIGH, dump, sequence, Array(repeating: 0, count: 12))
        case .route(let address):
            // struct rtmsg: family, destination's length, then zero.
            var body = [address.family, address.isIPv4 ? 32 : 128] + Array(repeating: 0, count: 10)
            body.append(attribute: RTA_DST.rawValue, address.netlinkBytes)
            return message(RTM_GETROUTE, UInt16(NLM_F_REQUEST), sequence, body)
        case .use(let key):
            // struct ndmsg: family, padding, index, state (NUD_NONE), flags, type.
            var body: [UInt8] = [key.address.family, 0, 0, 0]
            body.append(number: key.link)
            body.append(number: UInt16(NUD_NONE))
            body += [UInt8(NTF_USE), 0]
            body.append(attribute: NDA_DST, key.address.netlinkBytes)
            return message(RTM_NEWNEIGH, UInt16(NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE), sequence, body)
        }
    }

    private func message(
        _ type: some BinaryInteger, _ flags: UInt16, _ sequence: UInt32, _ body: [UInt8]
    ) -> NetlinkMessage {
        NetlinkMessage(type: UInt16(truncatingIfNeeded: type), flags: flags, sequence: sequence, body: body[...])
    }
}
