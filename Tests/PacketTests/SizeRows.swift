// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

extension Row {
    static let tooBig: [Row] = [
        tooBig("one byte more than fits", web().sized(1481), "web", mtu: 1480),
        tooBig("a full-size packet of Ethernet", web().sized(1500), "web", mtu: 1480),
        tooBig(
            "a large packet with a tag keeps it", web().sized(1500).with { $0.link.tags = [.init(control: 7)] }, "web",
            mtu: 1480),
        tooBig(
            "a large packet with two tags",
            web().sized(1500).with {
                $0.link.tags = [.init(kind: 0x88a8, control: 5), .init(control: 7)]
            }, "web", mtu: 1480),
        tooBig(
            "a large packet with options, which are quoted", web().with { $0.options = [1, 1, 1, 0] }.sized(1500),
            "web",
            mtu: 1480),
        tooBig("a large packet of other DSCP", web().with { $0.tos = 0xb8 }.sized(1490), "web", mtu: 1480),
        tooBig(
            "nothing is fragmented here, not even what may be", web().with { $0.mayFragment = true }.sized(1490), "web",
            mtu: 1480),
        tooBig("a large packet of UDP", Packet.udp(client, 5353, to: "203.0.113.1", 53).sized(1490), "dns", mtu: 1480),
        tooBig("a large packet for a tunnel of IPv6", vip(3, 443).sized(1461), "mixed", mtu: 1460),
        tooBig("a large packet for GUE", vip(4, 443).sized(1469), "gue", mtu: 1468),
        tooBig("a large packet for GUE over IPv6", vip(5, 443).sized(1449), "guemixed", mtu: 1448),
        tooBig("a large packet for L2", vip(6).sized(1501), "wire", mtu: 1500),
        tooBig("a packet of several buffers", web().sized(6000), "web", mtu: 1480),
        tooBig("a large packet on a jumbo way", vip(15).sized(8981), "jumbo", mtu: 8980),
        tooBig("one byte more than fits over IPv6", web6().sized(1461), "web6", mtu: 1460),
        tooBig("a full-size packet over IPv6", web6().sized(1500), "web6", mtu: 1460),
        tooBig(
            "a large packet over IPv6 with a tag", web6().sized(1500).with { $0.link.tags = [.init(control: 7)] },
            "web6",
            mtu: 1460),
        tooBig(
            "a large packet with extension headers",
            web6().with { $0.extensions = [.options(60, units: 3)] }.sized(1470),
            "web6", mtu: 1460),
        tooBig("a large packet for IPv6 in GUE", vip6(4).sized(1449), "gue6", mtu: 1448),
        tooBig("a large packet for L2 over IPv6", vip6(6, 80).sized(1501), "wire6", mtu: 1500),
        tooBig("a packet of several buffers over IPv6", web6().sized(6000), "web6", mtu: 1460),
        tooBig("a packet above the MTU of the card that it came in by", web().sized(9001), "web", mtu: 1480),
        tooBig("an IPv6 packet above that MTU", web6().sized(9001), "web6", mtu: 1460),
        tooBig("a packet above it for a jumbo way", vip(15).sized(9001), "jumbo", mtu: 8980),
        tooBig("a packet of just the MTU of a virtual device", web().sized(9000), "web", mtu: 1480) { $0.setVirtual() },
        Row(
            "a later fragment above a virtual device's MTU",
            web(payload: 12000).fragments(at: 1400).later, .dropped(REASON_TOO_BIG_LIMITED), "web",
            after: [web(payload: 12000).fragments(at: 1400).first]
        ) { $0.setVirtual() },
        Row(
            "a large packet when this second's answers are spent", web().sized(1500), .dropped(REASON_TOO_BIG_LIMITED),
            "web"
        ) { $0.spendAnswers() },
        Row(
            "a large IPv6 packet when this second's answers are spent", web6().sized(1500),
            .dropped(REASON_TOO_BIG_LIMITED), "web6"
        ) { $0.spendAnswers() },
    ]

    static let fragments: [Row] = [
        Row(
            "a first fragment goes by its ports", web(payload: 200).fragments(at: 120).first,
            .forwarded(REASON_SETTLED), "web", flow: web()),
        Row(
            "a first fragment that begins a connection", web(.syn, payload: 200).fragments(at: 120).first,
            .forwarded(REASON_NEW), "web", flow: web()),
        later("a later one follows it", web(payload: 200), "web"),
        later("a later fragment of UDP", Packet.udp(client, 5353, to: "203.0.113.1", 53, payload: 200), "dns"),
        later("a later fragment by GUE", vip(4, 443, payload: 200), "gue"),
        later("a later fragment by L2", vip(6, payload: 200), "wire"),
        later("a later fragment to any port", vip(2, 8080, payload: 200), "any"),
        later("a later fragment in IPv6", vip(3, 443, payload: 200), "mixed"),
        later("a later fragment over IPv6", web6(payload: 200), "web6"),
        later(
            "a later fragment of UDP over IPv6", Packet.udp(client6, 5353, to: "2001:db8:1::1", 53, payload: 200),
            "dns6"),
        later(
            "a later fragment behind options for every hop",
            web6(payload: 200).with { $0.extensions = [.options(0)] }, "web6"),
        Row(
            "one in the middle", middle(web(payload: 400)), .forwarded(REASON_LATER_FRAGMENT), "web", flow: web(),
            after: [web(payload: 400).fragments(at: 120).first]),
        Row(
            "one that comes twice", web(payload: 200).fragments(at: 120).later, .forwarded(REASON_LATER_FRAGMENT),
            "web",
            flow: web(),
            after: [web(payload: 200).fragments(at: 120).first, web(payload: 200).fragments(at: 120).later]),
        Row(
            "a later fragment of this host's own service", vip(7, payload: 200).fragments(at: 120).later, .delivered,
            "own", flow: vip(7), after: [vip(7, payload: 200).fragments(at: 120).first]),
        Row(
            "one that precedes its first", web(payload: 200).fragments(at: 120).later,
            .dropped(REASON_FRAGMENT_WITHOUT_FIRST), shared),
        Row(
            "one that precedes its first over IPv6", web6(payload: 200).fragments(at: 120).later,
            .dropped(REASON_FRAGMENT_WITHOUT_FIRST), shared6),
        Row(
            "one of another packet", web(payload: 200).fragments(at: 120).later.with { $0.identification = 9 },
            .dropped(REASON_FRAGMENT_WITHOUT_FIRST), shared, after: [web(payload: 200).fragments(at: 120).first]),
        Row(
            "one of another source",
            web(payload: 200).fragments(at: 120).later.with {
                $0.source = Packet.address("198.51.100.8")
            }, .dropped(REASON_FRAGMENT_WITHOUT_FIRST), shared, after: [web(payload: 200).fragments(at: 120).first]),
        Row(
            "one to another VIP",
            web(payload: 200).fragments(at: 120).later.with {
                $0.destination = Packet.address("203.0.113.10")
            }, .dropped(REASON_FRAGMENT_WITHOUT_FIRST), "medium", after: [web(payload: 200).fragments(at: 120).first]),
        Row(
            "one of another protocol",
            Packet.udp(client, 1, to: "203.0.113.1", 53, payload: 200).fragments(at: 120).later,
            .dropped(REASON_FRAGMENT_WITHOUT_FIRST), shared, after: [web(payload: 200).fragments(at: 120).first]),
        Row(
            "one more than a second late", web(payload: 200).fragments(at: 120).later,
            .dropped(REASON_FRAGMENT_WITHOUT_FIRST), shared, after: [web(payload: 200).fragments(at: 120).first]
        ) {
            try $0.ageFragments(by: .milliseconds(1100))
        },
        Row(
            "one half a second late", web(payload: 200).fragments(at: 120).later, .forwarded(REASON_LATER_FRAGMENT),
            "web",
            flow: web(), after: [web(payload: 200).fragments(at: 120).first]
        ) {
            try $0.ageFragments(by: .milliseconds(500))
        },
        Row(
            "a first fragment too short for a TCP header", web(payload: 200).fragments(at: 16).first,
            .dropped(REASON_TRUNCATED), shared),
        Row(
            "a first fragment of UDP's header alone",
            Packet.udp(client, 5353, to: "203.0.113.1", 53, payload: 200).fragments(at: 8).first,
            .forwarded(REASON_SETTLED), "dns", flow: .udp(client, 5353, to: "203.0.113.1", 53)),
        Row(
            "a first fragment of another port",
            Packet.tcp(client, 1, to: "203.0.113.1", 444, payload: 200)
                .fragments(at: 120).first, .passed(REASON_NOT_VIP)),
        passedLater("and what follows it", .tcp(client, 1, to: "203.0.113.1", 444, payload: 200), shared),
        passedLater("the same of UDP", .udp(client, 1, to: "203.0.113.1", 443, payload: 200), shared),
        passedLater("the same of TCP over IPv6", .tcp(client6, 1, to: "2001:db8:1::1", 444, payload: 200), shared6),
        Row(
            "the same more than a second late",
            Packet.tcp(client, 1, to: "203.0.113.1", 444, payload: 200).fragments(at: 120).later,
            .dropped(REASON_FRAGMENT_WITHOUT_FIRST), shared,
            after: [Packet.tcp(client, 1, to: "203.0.113.1", 444, payload: 200).fragments(at: 120).first]
        ) {
            try $0.ageFragments(by: .milliseconds(1100))
        },
        Row(
            "a later fragment of GRE",
            Packet.raw(client, to: "203.0.113.1", 47, .counting(160)).fragments(at: 80).later, .passed(REASON_NOT_VIP),
            shared),
        Row(
            "a later fragment of ESP over IPv6",
            Packet.raw(client6, to: "2001:db8:1::1", 50, .counting(160)).fragments(at: 80).later,
            .passed(REASON_NOT_VIP), shared6),
        Row(
            "a later fragment of an echo request",
            Packet.icmp(client, to: "203.0.113.1", 8, payload: .counting(160)).fragments(at: 80).later,
            .passed(REASON_ICMP_PASSED), shared),
        Row(
            "a later fragment of GRE behind options for the destination", splitGRE.later, .passed(REASON_NOT_VIP),
            shared6, after: [splitGRE.first]),
        Row(
            "the same before its first", splitGRE.later, .dropped(REASON_FRAGMENT_WITHOUT_FIRST), shared6),
        Row(
            "a later fragment that is too large",
            web(payload: 3000).fragments(at: 1400).later.with {
                $0.transport = .raw(6, .counting(1480))
            }, .dropped(REASON_TOO_BIG_LIMITED), "web", after: [web(payload: 3000).fragments(at: 1400).first]),
        Row(
            "a first fragment whose transport lies behind options for the destination", split.first,
            .forwarded(REASON_SETTLED), "web6", flow: web6()),
        Row(
            "and its later one", split.later, .forwarded(REASON_LATER_FRAGMENT), "web6", flow: web6(),
            after: [split.first]),
    ]

    /// The packet is answered with the largest size that would fit.
    private static func tooBig(
        _ name: String, _ packet: Packet, _ service: String, mtu: UInt32,
        prepare: (@Sendable (Stage) throws -> Void)? = nil
    ) -> Row {
        let isIPv4 = packet.isIPv4
        let message = Transport.Message(
            type: isIPv4 ? 3 : 2, code: isIPv4 ? 4 : 0, rest: mtu,
            payload: Array(packet.bytes.prefix(isIPv4 ? 128 : 1280 - 48)))
        let answer = Packet(from: packet.destination, to: packet.source, .icmp(message)).with {
            $0.ttl = UInt8(OUTER_TTL)
            $0.identification = 0
            $0.flowLabel = 0
        }
        return Row(name, packet, .answered(REASON_TOO_BIG_ANSWERED, answer), service, prepare: prepare)
    }

    /// The second fragment of a packet behind its first.
    private static func later(_ name: String, _ packet: Packet, _ service: String) -> Row {
        let (first, later) = packet.fragments(at: 120)
        return Row(name, later, .forwarded(REASON_LATER_FRAGMENT), service, flow: packet, after: [first])
    }

    /// The same, where no VIP has the port.
    private static func passedLater(_ name: String, _ packet: Packet, _ service: String) -> Row {
        let (first, later) = packet.fragments(at: 120)
        return Row(name, later, .passed(REASON_NOT_VIP), service, after: [first])
    }

    private static func middle(_ packet: Packet) -> Packet {
        packet.fragments(at: 120).later.with {
            $0.transport = .raw(6, .counting(80))
            $0.fragment?.isLast = false
        }
    }

    private static let split = splitOptions(of: web6(payload: 200))
    private static let splitGRE = splitOptions(of: .raw(client6, to: "2001:db8:1::1", 47, .counting(200)))

    /// An IPv6 packet whose destination options are fragmented, too.
    private static func splitOptions(of whole: Packet) -> (first: Packet, later: Packet) {
        func fragment(_ field: UInt16) -> Packet.Extension {
            .init(kind: 44, rest: [0] + [UInt8](field) + [0, 0, 0, 7])
        }
        let bytes = whole.transport.bytes(from: whole.source, to: whole.destination)
        return (
            whole.with {
                $0.extensions = [fragment(1), .options(60)]
                $0.transport = .raw(whole.transport.number(isIPv4: false), Array(bytes[..<80]))
            },
            whole.with {
                $0.extensions = [fragment(88)]
                $0.transport = .raw(60, Array(bytes[80...]))
            }
        )
    }
}
