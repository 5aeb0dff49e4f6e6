// SPDX-License-Identifier: Apache-2.0

import CDataplane

extension Row {
    static let passed: [Row] = [
        Row("ARP", raw([0, 1, 8, 0, 6, 4, 0, 1] + .counting(20), type: 0x0806), .passed(REASON_NOT_IP)),
        Row("an Ethernet header and nothing else", raw([], type: 0x0806), .passed(REASON_NOT_IP)),
        Row(
            "an IEEE 802.3 length in place of a type", raw([0x42, 0x42, 3] + .counting(40), type: 38),
            .passed(REASON_NOT_IP)),
        Row(
            "three VLAN tags",
            web().with {
                $0.link.tags = [.init(control: 1), .init(control: 2), .init(control: 3)]
            }, .passed(REASON_NOT_IP)),
        Row(
            "a tag before ARP", raw(.counting(28), type: 0x0806).with { $0.link.tags = [.init(control: 1)] },
            .passed(REASON_NOT_IP)),
        Row(
            "a frame for another host", web().with { $0.link.destination = .init(bits: 0x0200_0000_0009) },
            .passed(REASON_OTHER_MAC)),
        Row(
            "a frame whose address differs in its last bit",
            web().with { $0.link.destination = .init(bits: 0x0200_0000_0000) },
            .passed(REASON_OTHER_MAC)),
        Row("a broadcast frame", web().with { $0.link.destination = .init(bits: .max) }, .passed(REASON_OTHER_MAC)),
        Row(
            "an IPv4 multicast frame", web().with { $0.link.destination = .init(bits: 0x0100_5e00_0001) },
            .passed(REASON_OTHER_MAC)),
        Row("an IPv4 address that is no VIP's", .tcp(client, 1, to: "203.0.113.99", 443), .passed(REASON_NOT_VIP)),
        Row("an IPv6 address that is no VIP's", .tcp(client6, 1, to: "2001:db8:1::99", 443), .passed(REASON_NOT_VIP)),
        Row("another port of a VIP's address", .tcp(client, 1, to: "203.0.113.1", 444), .passed(REASON_NOT_VIP)),
        Row("another protocol to the port", .udp(client, 1, to: "203.0.113.1", 443), .passed(REASON_NOT_VIP)),
        Row(
            "another protocol to an address of any port", .udp(client, 1, to: "203.0.113.2", 443),
            .passed(REASON_NOT_VIP)),
        Row(
            "GRE to a VIP's address", .raw(client, to: "203.0.113.1", 47, .counting(40)), .passed(REASON_NOT_VIP),
            shared),
        Row(
            "ESP over IPv6 to a VIP's address", .raw(client6, to: "2001:db8:1::1", 50, .counting(40)),
            .passed(REASON_NOT_VIP), shared6),
        Row(
            "'no next header' to a VIP's address", .raw(client6, to: "2001:db8:1::1", 59, []),
            .passed(REASON_NOT_VIP), shared6),
        Row("ICMP to another host", .icmp(client, to: "203.0.113.99", 8), .passed(REASON_NOT_VIP)),
        Row(
            "a neighbour solicitation for everybody", .icmp(client6, to: "ff02::1", 135, payload: .counting(20)),
            .passed(REASON_NOT_VIP)),
        Row(
            "a later fragment for another host",
            .raw(client, to: "203.0.113.99", 6, .counting(64)).with {
                $0.fragment = .init(offset: 64, isLast: true)
            }, .passed(REASON_NOT_VIP)),
        Row(
            "half a TCP header for another host", .raw(client, to: "203.0.113.99", 6, .counting(8)),
            .passed(REASON_NOT_VIP)),
        Row("the IPv6 loopback as a destination", .tcp(client6, 1, to: "::1", 443), .passed(REASON_NOT_VIP)),
        Row("an IPv4 VIP's address in IPv6's letters", mapped(), .passed(REASON_NOT_VIP)),
        Row(
            "a multicast source to no VIP is the stack's affair", .udp("224.0.0.1", 1, to: "203.0.113.99", 53),
            .passed(REASON_NOT_VIP)),
    ]

    static let malformed: [Row] = [
        Row(
            "half a VLAN tag",
            web().with {
                $0.link.tags = [.init(control: 1)]
                $0.kept = 16
            }, .dropped(REASON_TRUNCATED)),
        Row(
            "a second tag cut short",
            web().with {
                $0.link.tags = [.init(control: 1), .init(control: 2)]
                $0.kept = 20
            }, .dropped(REASON_TRUNCATED)),
        Row("an IPv4 header of 19 bytes", web().with { $0.kept = 33 }, .dropped(REASON_TRUNCATED)),
        Row("no IPv4 header at all", web().with { $0.kept = 14 }, .dropped(REASON_TRUNCATED)),
        Row("version 5 of IP", web().with { $0.version = 5 }, .dropped(REASON_BAD_HEADER)),
        Row("IPv6 under IPv4's EtherType", web6().with { $0.link.type = 0x0800 }, .dropped(REASON_BAD_HEADER)),
        Row("an IPv4 header of four words", web().with { $0.headerWords = 4 }, .dropped(REASON_BAD_HEADER)),
        Row("a total length beyond the frame", web().with { $0.length = 141 }, .dropped(REASON_BAD_LENGTH)),
        Row("the largest total length in a small frame", web().with { $0.length = 65535 }, .dropped(REASON_BAD_LENGTH)),
        Row("a total length of nothing", web().with { $0.length = 0 }, .dropped(REASON_BAD_LENGTH)),
        Row(
            "a total length shorter than the header",
            web().with {
                $0.options = [1, 1, 1, 0]
                $0.length = 23
            },
            .dropped(REASON_BAD_LENGTH)),
        Row("a frame cut by one byte", web().with { $0.kept = 14 + 139 }, .dropped(REASON_BAD_LENGTH)),
        Row(
            "options longer than the packet",
            web().with {
                $0.headerWords = 15
                $0.length = 40
                $0.kept = 54
            },
            .dropped(REASON_BAD_LENGTH)),
        Row(
            "a TCP header that the frame cuts", .raw(client, to: "203.0.113.1", 6, .counting(19)),
            .dropped(REASON_TRUNCATED), shared),
        Row(
            "a TCP header that the total length cuts", web().with { $0.length = 39 },
            .dropped(REASON_TRUNCATED), shared),
        Row("TCP without a byte", .raw(client, to: "203.0.113.1", 6, []), .dropped(REASON_TRUNCATED), shared),
        Row(
            "a UDP header that the frame cuts", .raw(client, to: "203.0.113.1", 17, .counting(7)),
            .dropped(REASON_TRUNCATED), shared),
        Row("an IPv6 header of 39 bytes", web6().with { $0.kept = 53 }, .dropped(REASON_TRUNCATED)),
        Row("version 4 under IPv6's EtherType", web6().with { $0.version = 4 }, .dropped(REASON_BAD_HEADER)),
        Row("a payload length beyond the frame", web6().with { $0.length = 121 }, .dropped(REASON_BAD_LENGTH)),
        Row(
            "a TCP header that the payload length cuts", web6().with { $0.length = 19 },
            .dropped(REASON_TRUNCATED), shared6),
        Row("a payload length of nothing", web6().with { $0.length = 0 }, .dropped(REASON_TRUNCATED), shared6),
        Row(
            "an extension header that the frame cuts",
            .raw(client6, to: "2001:db8:1::1", 60, [6, 0, 1, 4, 0, 0, 0]), .dropped(REASON_TRUNCATED)),
        Row(
            "an extension header longer than the packet",
            .raw(client6, to: "2001:db8:1::1", 60, [6, 200] + .counting(60)), .dropped(REASON_BAD_LENGTH)),
        Row(
            "more extension headers than are followed",
            web6().with {
                $0.extensions = .init(repeating: .options(60), count: 9)
            }, .dropped(REASON_BAD_HEADER)),
        Row(
            "a jumbogram",
            web6().with {
                $0.extensions = [.options(0)]
                $0.length = 0
            }, .dropped(REASON_BAD_LENGTH)),
        Row(
            "a TCP header behind extensions that the payload length cuts",
            web6().with {
                $0.extensions = [.options(60)]
                $0.length = 20
            }, .dropped(REASON_TRUNCATED), shared6),
    ]

    static let sources: [Row] = [
        Row("land", .tcp("203.0.113.1", 443, to: "203.0.113.1", 443, .syn), .dropped(REASON_SOURCE_LAND), "web"),
        Row(
            "land over IPv6", .tcp("2001:db8:1::1", 443, to: "2001:db8:1::1", 443), .dropped(REASON_SOURCE_LAND), "web6"
        ),
        Row("a loopback source", .tcp("127.0.0.1", 1, to: "203.0.113.1", 443), .dropped(REASON_SOURCE_LOOPBACK), "web"),
        Row(
            "the last loopback source", .tcp("127.255.255.255", 1, to: "203.0.113.1", 443),
            .dropped(REASON_SOURCE_LOOPBACK), "web"),
        Row(
            "the IPv6 loopback as source", .tcp("::1", 1, to: "2001:db8:1::1", 443), .dropped(REASON_SOURCE_LOOPBACK),
            "web6"),
        Row(
            "a multicast source", .udp("224.0.0.251", 5353, to: "203.0.113.1", 53), .dropped(REASON_SOURCE_MULTICAST),
            "dns"),
        Row(
            "a source of class E", .tcp("240.0.0.1", 1, to: "203.0.113.1", 443), .dropped(REASON_SOURCE_MULTICAST),
            "web"),
        Row(
            "broadcast as source", .tcp("255.255.255.255", 1, to: "203.0.113.1", 443),
            .dropped(REASON_SOURCE_MULTICAST), "web"),
        Row(
            "an IPv6 multicast source", .tcp("ff02::1", 1, to: "2001:db8:1::1", 443),
            .dropped(REASON_SOURCE_MULTICAST), "web6"),
        Row(
            "a source of our own outer prefix is a loop", .tcp("172.16.255.1", 1, to: "203.0.113.1", 443),
            .dropped(REASON_SOURCE_LOOP), "web"),
        Row("the same over IPv6", .tcp("100::dead", 1, to: "2001:db8:1::1", 443), .dropped(REASON_SOURCE_LOOP), "web6"),
        Row(
            "the unspecified IPv6 source", .tcp("::", 1, to: "2001:db8:1::1", 443), .dropped(REASON_BAD_HEADER), "web6"),
        Row(
            "a v4-mapped source",
            Packet(
                from: Packet.address("::ffff:198.51.100.7"), to: Packet.address("2001:db8:1::1"),
                .raw(
                    6,
                    Transport.tcp(.init(source: 1, destination: 443, flags: .ack)).bytes(
                        from: Packet.address("2001:db8::1"), to: Packet.address("2001:db8:1::1")))),
            .dropped(REASON_BAD_HEADER), "web6"),
        Row(
            "an echo request from a loopback source", .icmp("127.0.0.1", to: "203.0.113.1", 8, payload: .counting(8)),
            .dropped(REASON_SOURCE_LOOPBACK), shared),
        Row(
            "a later fragment from our own outer prefix",
            .raw("172.16.0.1", to: "203.0.113.1", 6, .counting(64)).with {
                $0.fragment = .init(offset: 64, isLast: true)
            }, .dropped(REASON_SOURCE_LOOP), shared),
    ]

    static let access: [Row] = [
        Row("a client that the allow list names", guarded("198.51.100.7"), .forwarded(REASON_SETTLED), "guarded"),
        Row("a client that no list names", guarded("192.0.2.1"), .dropped(REASON_DENIED), "guarded"),
        Row("deny wins over allow", guarded("198.51.100.200"), .dropped(REASON_DENIED), "guarded"),
        Row(
            "the last address before a denied prefix", guarded("198.51.100.127"), .forwarded(REASON_SETTLED), "guarded"),
        Row("the first address of a denied prefix", guarded("198.51.100.128"), .dropped(REASON_DENIED), "guarded"),
        Row(
            "an allowed prefix of two filter bits, in its second half", guarded("198.19.3.4"),
            .forwarded(REASON_SETTLED), "guarded"),
        Row("one denied host in an allowed prefix", guarded("198.18.77.1"), .dropped(REASON_DENIED), "guarded"),
        Row("its neighbour", guarded("198.18.77.2"), .forwarded(REASON_SETTLED), "guarded"),
        Row("just behind an allowed prefix", guarded("198.20.0.0"), .dropped(REASON_DENIED), "guarded"),
        Row(
            "a client that a deny list names", .tcp("192.0.2.77", 1, to: "203.0.113.17", 443), .dropped(REASON_DENIED),
            "blocking"),
        Row(
            "a client that only a deny list could name, and does not", .tcp(client, 1, to: "203.0.113.17", 443),
            .forwarded(REASON_SETTLED), "blocking"),
        Row(
            "a neighbour under one filter bit with a denied prefix", .tcp("192.0.3.77", 1, to: "203.0.113.17", 443),
            .forwarded(REASON_SETTLED), "blocking"),
        Row("an IPv6 client that the allow list names", vip6(16), .forwarded(REASON_SETTLED), "guarded6"),
        Row(
            "an IPv6 client in a denied part of it", .tcp("2001:db8:c:bad::1", 1, to: "2001:db8:1::16", 443),
            .dropped(REASON_DENIED), "guarded6"),
        Row(
            "an IPv6 client that no list names", .tcp("2001:db8:d::1", 1, to: "2001:db8:1::16", 443),
            .dropped(REASON_DENIED), "guarded6"),
        Row(
            "a list does not bind other services", .tcp("192.0.2.77", 1, to: "203.0.113.1", 443),
            .forwarded(REASON_SETTLED), "web"),
    ]

    private static func guarded(_ client: String) -> Packet { .tcp(client, 40000, to: "203.0.113.16", 443) }

    /// A frame of anything.
    private static func raw(_ content: [UInt8], type: UInt16) -> Packet {
        web().with {
            $0.content = content
            $0.link.type = type
        }
    }

    /// An IPv6 packet to ::ffff:203.0.113.1.
    private static func mapped() -> Packet {
        let source = Packet.address(client6)
        var bytes = Packet(from: source, to: Packet.address("2001:db8::1"), web6().transport).bytes
        bytes.replaceSubrange(24..<40, with: [UInt8](repeating: 0, count: 10) + [0xff, 0xff, 203, 0, 113, 1])
        return web6().with { $0.content = bytes }
    }
}
