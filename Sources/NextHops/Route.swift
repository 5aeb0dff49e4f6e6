// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Model

/// What the kernel's lookup answered for one address.
enum RouteAnswer: Hashable, Sendable {
    /// Packets leave by `link`, to `gateway` or, where nil, to the address itself; `mtu` where the route has one.
    case unicast(link: UInt32, gateway: IPAddress?, mtu: UInt32?)
    case refused(MissingNextHop)
}

extension RouteAnswer {
    /// Of the RTM_NEWROUTE that answers an RTM_GETROUTE.
    init(netlink body: ArraySlice<UInt8>) throws(NetlinkParseError) {
        // struct rtmsg: family 0, dst_len 1, src_len 2, tos 3, table 4, protocol 5, scope 6, type 7, flags 8.
        guard body.count >= 12, let type = body.number(at: 7, as: UInt8.self) else {
            throw NetlinkParseError(offset: body.startIndex, cause: "a route message that is cut")
        }
        switch Int(type) {
        case Int(RTN_UNICAST): break
        case Int(RTN_LOCAL):
            self = .refused(.local)
            return
        case Int(RTN_BLACKHOLE), Int(RTN_PROHIBIT):
            self = .refused(.blackhole)
            return
        case Int(RTN_UNREACHABLE), Int(RTN_THROW):
            self = .refused(.noRoute)
            return
        default:
            self = .refused(.notUnicast)
            return
        }
        let attributes = try NetlinkAttributes(body.dropFirst(12))
        guard let link = attributes.number(RTA_OIF.rawValue, as: UInt32.self) else {
            self = .refused(.noRoute)
            return
        }
        let mtu = try attributes.nested(RTA_METRICS.rawValue)?.number(RTAX_MTU, as: UInt32.self)
        self = .unicast(link: link, gateway: Self.gateway(attributes), mtu: mtu)
    }

    /// RTA_VIA holds a family and an address: an IPv4 route by an IPv6 gateway.
    private static func gateway(_ attributes: NetlinkAttributes) -> IPAddress? {
        let plain = attributes[RTA_GATEWAY.rawValue] ?? attributes[RTA_VIA.rawValue]?.dropFirst(2)
        return plain.flatMap(IPAddress.init(netlink:))
    }

    /// Of the errno that answers an RTM_GETROUTE; nil where the question itself failed.
    init?(errno: Int32) {
        switch errno {
        case ENETUNREACH, EHOSTUNREACH, ESRCH: self = .refused(.noRoute)
        // A blackhole route answers EINVAL, a prohibiting one EACCES: fib_props of the kernel's fib_semantics.c.
        case EINVAL, EACCES: self = .refused(.blackhole)
        default: return nil
        }
    }
}

/// Which addresses a changed route may concern, of the body of an RTM_NEWROUTE or RTM_DELROUTE.
func changedPrefix(netlink body: ArraySlice<UInt8>) throws(NetlinkParseError) -> IPPrefix? {
    guard body.count >= 12, let family = body.first, let length = body.number(at: 1, as: UInt8.self) else {
        throw NetlinkParseError(offset: body.startIndex, cause: "a route message that is cut")
    }
    guard Int32(family) == AF_INET || Int32(family) == AF_INET6 else { return nil }
    // The default route has no RTA_DST.
    let any = Int32(family) == AF_INET ? IPAddress(v4: 0) : IPAddress(high: 0, low: 0)
    let address = try NetlinkAttributes(body.dropFirst(12))[RTA_DST.rawValue].flatMap(IPAddress.init(netlink:)) ?? any
    return IPPrefix(address, length: Int(length))
}
