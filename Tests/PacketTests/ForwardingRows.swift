// SPDX-License-Identifier: Apache-2.0

import CDataplane

extension Row {
    static let client = "198.51.100.7"
    static let client6 = "2001:db8:c::7"

    /// A packet of an established connection to a VIP of the fleet.
    static func web(_ flags: Transport.Segment.Flags = .ack, payload: Int = 100) -> Packet {
        .tcp(client, 40000, to: "203.0.113.1", 443, flags, payload: payload)
    }

    static func web6(_ flags: Transport.Segment.Flags = .ack, payload: Int = 100) -> Packet {
        .tcp(client6, 40000, to: "2001:db8:1::1", 443, flags, payload: payload)
    }

    /// To another VIP of the fleet, by its last number.
    static func vip(_ number: Int, _ port: UInt16 = 80, from clientPort: UInt16 = 40000, payload: Int = 100) -> Packet {
        .tcp(client, clientPort, to: "203.0.113.\(number)", port, payload: payload)
    }

    static func vip6(_ number: Int, _ port: UInt16 = 443, payload: Int = 100) -> Packet {
        .tcp(client6, 40000, to: "2001:db8:1::\(number)", port, payload: payload)
    }

    /// The service that counts what shows no port, where an address has several: the one of the lowest id.
    static let shared = "dns"
    static let shared6 = "dns6"

    private static let settled = Outcome.forwarded(REASON_SETTLED)
    private static let new = Outcome.forwarded(REASON_NEW)

    static let tcp: [Row] = [
        Row("a SYN goes to its slot's backend", web(.syn, payload: 0), new, "web"),
        Row("a packet of an established connection does, too", web(), settled, "web"),
        Row("SYN with ACK begins nothing", web([.syn, .ack]), settled, "web"),
        Row("SYN with ECE and CWR begins a connection", web([.syn, .ece, .cwr], payload: 0), new, "web"),
        Row("SYN with data begins a connection", web(.syn, payload: 50), new, "web"),
        Row("FIN goes where the connection went", web([.fin, .ack], payload: 0), settled, "web"),
        Row("RST goes where the connection went", web(.rst, payload: 0), settled, "web"),
        Row("a segment without flags is the backend's to refuse", web([]), settled, "web"),
        Row(
            "TCP options are no matter",
            web(.syn).with { packet in
                packet.transport = .tcp(
                    .init(source: 40000, destination: 443, flags: .syn, options: .counting(40), payload: []))
            }, new, "web"),
        Row("port 0 is a port", .tcp(client, 0, to: "203.0.113.1", 443), settled, "web"),
        Row("any port of an address", vip(2, 8080), settled, "any"),
        Row("the highest port of an address", vip(2, 65535), settled, "any"),
        Row("one slot for all ports of an address", vip(2, 1), settled, "any", sharing: vip(2, 8080)),
        Row("a table of 16,381 slots", vip(10), settled, "medium"),
        Row("another flow of 16,381 slots", vip(10, from: 41234), settled, "medium"),
        Row("a table of 65,537 slots", vip(11), settled, "large"),
        Row("another flow of 65,537 slots", vip(11, from: 41234), settled, "large"),
        Row("the client's address alone chooses", vip(9), settled, "sticky"),
        Row("whatever its port", vip(9, from: 50123), settled, "sticky", sharing: vip(9)),
        Row("an IPv6 client's address alone chooses", vip6(9, 1234), settled, "sticky6"),
        Row("whichever port it dials", vip6(9, 443), settled, "sticky6", sharing: vip6(9, 1234)),
        Row("to the host's own sockets", vip(7), .delivered, "own"),
        Row("a service without backends", vip(8), .dropped(REASON_NO_BACKEND), "nobody"),
        Row("a backend without a next hop", vip(12), .dropped(REASON_NO_NEXT_HOP), "unreachable"),
    ]

    static let ipv4: [Row] = [
        Row(
            "IPv4 options stay with the inner packet", web().with { $0.options = [7, 7, 4, 0, 0, 0, 0, 0] }, settled,
            "web"),
        Row("forty bytes of IPv4 options", web().with { $0.options = .init(repeating: 1, count: 40) }, settled, "web"),
        Row("DSCP is copied", web().with { $0.tos = 0xb8 }, settled, "web"),
        Row("ECN is copied", web().with { $0.tos = 0x03 }, settled, "web"),
        Row("all bits of TOS are copied", web().with { $0.tos = 0xff }, settled, "web"),
        Row("TTL 1 is legal at the last hop", web().with { $0.ttl = 1 }, settled, "web"),
        Row("a packet that may be fragmented", web().with { $0.mayFragment = true }, settled, "web"),
        Row(
            "a wrong header checksum is the backend's to refuse",
            web().with { $0.hasWrongHeaderChecksum = true }, settled, "web"),
        Row(
            "Ethernet's padding trails behind",
            web(payload: 0).with { $0.trailer = .init(repeating: 0xee, count: 6) }, settled, "web"),
        Row("one byte of payload", web(payload: 1), settled, "web"),
        Row("the largest packet that fits", web().sized(1480), settled, "web"),
        Row("UDP", .udp(client, 5353, to: "203.0.113.1", 53), settled, "dns"),
        Row("UDP without payload", .udp(client, 5353, to: "203.0.113.1", 53, payload: 0), settled, "dns"),
        Row(
            "UDP without a checksum",
            Packet(
                from: Packet.address(client), to: Packet.address("203.0.113.1"),
                .udp(.init(source: 1, destination: 53, payload: [1, 2, 3], hasChecksum: false))), settled, "dns"),
        Row(
            "a UDP length that lies is the backend's to refuse",
            Packet(
                from: Packet.address(client), to: Packet.address("203.0.113.1"),
                .udp(.init(source: 1, destination: 53, payload: [1, 2, 3], length: 900))), settled, "dns"),
        Row("a source in the last net of class C", .tcp("223.255.255.254", 1, to: "203.0.113.1", 443), settled, "web"),
        Row("a source just below the outer prefix", .tcp("172.15.255.255", 1, to: "203.0.113.1", 443), settled, "web"),
        Row("a source just above the outer prefix", .tcp("172.17.0.0", 1, to: "203.0.113.1", 443), settled, "web"),
        Row("IPv4 in IPv6", vip(3, 443), settled, "mixed"),
        Row("IPv4 in IPv6 with DSCP and ECN", vip(3, 443).with { $0.tos = 0x2e << 2 | 1 }, settled, "mixed"),
        Row("the largest packet that fits IPv4 in IPv6", vip(3, 443).sized(1460), settled, "mixed"),
        Row("IPv4 in GUE", vip(4, 443), settled, "gue"),
        Row("another flow in GUE", vip(4, 443, from: 41001).with { $0.tos = 0xb9 }, settled, "gue"),
        Row("IPv4 with options in GUE", vip(4, 443).with { $0.options = [1, 1, 1, 0] }, settled, "gue"),
        Row("the largest packet that fits GUE", vip(4, 443).sized(1468), settled, "gue"),
        Row("IPv4 in GUE over IPv6", vip(5, 443), settled, "guemixed"),
        Row("L2 writes the Ethernet header alone", vip(6), settled, "wire"),
        Row("L2 lets padding be", vip(6, payload: 0).with { $0.trailer = [1, 2, 3, 4, 5, 6] }, settled, "wire"),
        Row("the largest packet that fits L2", vip(6).sized(1500), settled, "wire"),
        Row(
            "L2 of a fragmentable packet with options",
            vip(6).with {
                $0.options = [1, 1, 1, 0]
                $0.mayFragment = true
            }, settled, "wire"),
    ]

    static let ipv6: [Row] = [
        Row("IPv6 in IPv6", web6(), settled, "web6"),
        Row("a SYN over IPv6", web6(.syn, payload: 0), new, "web6"),
        Row("the traffic class is copied", web6().with { $0.tos = 0xba }, settled, "web6"),
        Row("the inner flow label is let be", web6().with { $0.flowLabel = 0 }, settled, "web6"),
        Row("hop limit 1 is legal at the last hop", web6().with { $0.ttl = 1 }, settled, "web6"),
        Row("UDP over IPv6", .udp(client6, 5353, to: "2001:db8:1::1", 53), settled, "dns6"),
        Row("any UDP port of an IPv6 address", .udp(client6, 5353, to: "2001:db8:1::2", 7), settled, "any6"),
        Row("the largest packet that fits IPv6 in IPv6", web6().sized(1460), settled, "web6"),
        Row("IPv6 in GUE", vip6(4), settled, "gue6"),
        Row("the largest packet that fits IPv6 in GUE", vip6(4).sized(1448), settled, "gue6"),
        Row("L2 over IPv6", vip6(6, 80), settled, "wire6"),
        Row("options for every hop", web6().with { $0.extensions = [.options(0)] }, settled, "web6"),
        Row(
            "options for the destination, of 32 bytes",
            web6().with { $0.extensions = [.options(60, units: 4)] }, settled, "web6"),
        Row("a routing header", web6().with { $0.extensions = [.options(43, units: 3)] }, settled, "web6"),
        Row("an authentication header", web6(.syn).with { $0.extensions = [.authentication] }, new, "web6"),
        Row(
            "a chain of five headers",
            web6(.syn).with {
                $0.extensions = [.options(0), .options(60), .options(43, units: 2), .authentication, .options(60)]
            }, new, "web6"),
        Row(
            "a chain of as many headers as are followed",
            web6().with {
                $0.extensions = .init(repeating: .options(60), count: 8)
            }, settled, "web6"),
        Row(
            "an atomic fragment is a whole packet (RFC 6946)",
            web6().with { $0.fragment = .init(offset: 0, isLast: true) }, settled, "web6"),
        Row(
            "a source just outside the outer prefix", .tcp("100:0:0:1::1", 1, to: "2001:db8:1::1", 443), settled, "web6"
        ),
        Row("an extension header in GUE", vip6(4).with { $0.extensions = [.options(60)] }, settled, "gue6"),
    ]

    static let links: [Row] = [
        Row("a VLAN tag is taken off", web().with { $0.link.tags = [.init(control: 12)] }, settled, "web"),
        Row("a tag of priority alone", web().with { $0.link.tags = [.init(control: 0xe000)] }, settled, "web"),
        Row(
            "two tags are taken off",
            web().with {
                $0.link.tags = [.init(kind: 0x88a8, control: 5), .init(control: 12)]
            }, settled, "web"),
        Row(
            "two tags before IPv6",
            web6().with {
                $0.link.tags = [.init(kind: 0x88a8, control: 5), .init(control: 12)]
            }, settled, "web6"),
        Row(
            "two tags go with L2 and less than nothing comes in front",
            vip(6).with {
                $0.link.tags = [.init(control: 5), .init(control: 12)]
            }, settled, "wire"),
        Row("a tag is put on", vip(13), settled, "tagged"),
        Row(
            "a tag is put on in place of two",
            vip(13).with {
                $0.link.tags = [.init(kind: 0x88a8, control: 5), .init(control: 12)]
            }, settled, "tagged"),
        Row("a tag is put on by L2", vip(14), settled, "taggedwire"),
        Row("a tag is replaced by L2", vip(14).with { $0.link.tags = [.init(control: 12)] }, settled, "taggedwire"),
        Row(
            "a tag of two is replaced by L2",
            vip(14).with {
                $0.link.tags = [.init(control: 5), .init(control: 12)]
            }, settled, "taggedwire"),
        Row(
            "padding stays behind a tagged packet",
            web(payload: 0).with {
                $0.link.tags = [.init(control: 12)]
                $0.trailer = [9, 9]
            }, settled, "web"),
        Row("a frame of several buffers", vip(15).sized(6000), settled, "jumbo"),
        Row("the largest frame of several buffers", vip(15).sized(8980), settled, "jumbo"),
        Row(
            "segments that a virtual device hands on uncut", web().sized(9001), settled, "web"
        ) { $0.setVirtual() },
        Row("the same over IPv6, as many as there may be", web6().sized(20000), settled, "web6") { $0.setVirtual() },
        Row(
            "datagrams that it hands on uncut", .udp(client, 5353, to: "203.0.113.1", 53, payload: 12000), settled,
            "dns"
        ) {
            $0.setVirtual()
        },
    ]
}
