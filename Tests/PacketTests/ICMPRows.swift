// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

extension Row {
    static let echo: [Row] = [
        echo("an echo request is answered", ping()),
        echo("an echo request of odd length", ping(payload: 57)),
        echo("an echo request without payload", ping(payload: 0)),
        echo("an echo request of 1,500 bytes", ping().sized(1500)),
        echo("an echo request with options", ping().with { $0.options = [1, 1, 1, 0] }),
        echo("an echo request with TTL 1", ping().with { $0.ttl = 1 }),
        echo(
            "an echo request with TTL 255 and DSCP",
            ping().with {
                $0.ttl = 255
                $0.tos = 0x88
            }),
        echo("the answer keeps the request's tag", ping().with { $0.link.tags = [.init(control: 12)] }),
        echo("and both of two", ping().with { $0.link.tags = [.init(kind: 0x88a8, control: 5), .init(control: 12)] }),
        echo("and its padding", ping(payload: 4).with { $0.trailer = .counting(14) }),
        echo(
            "an echo request to a service without backends", .icmp(client, to: "203.0.113.8", 8, payload: .counting(9)),
            "nobody"),
        echo("an echo request of several buffers", ping().sized(5000)),
        echo("an echo request over IPv6", ping6()),
        echo("an echo request over IPv6 of odd length", ping6(payload: 57)),
        echo("an echo request over IPv6 behind an extension header", ping6().with { $0.extensions = [.options(0)] }),
        echo(
            "an echo request over IPv6 with a tag and a hop limit of 1",
            ping6().with {
                $0.link.tags = [.init(control: 12)]
                $0.ttl = 1
            }),
        Row("an echo request when this second's answers are spent", ping(), .dropped(REASON_ECHO_LIMITED), shared) {
            $0.spendAnswers()
        },
        Row(
            "an IPv6 echo request when this second's answers are spent", ping6(), .dropped(REASON_ECHO_LIMITED), shared6
        ) {
            $0.spendAnswers()
        },
        Row(
            "an echo request from the VIP itself", .icmp("203.0.113.1", to: "203.0.113.1", 8, payload: .counting(8)),
            .dropped(REASON_SOURCE_LAND), shared),
        Row(
            "an echo reply is the host's", .icmp(client, to: "203.0.113.1", 0, payload: .counting(8)),
            .passed(REASON_ICMP_PASSED), shared),
        Row(
            "a timestamp request is the host's", .icmp(client, to: "203.0.113.1", 13, payload: .counting(12)),
            .passed(REASON_ICMP_PASSED), shared),
        Row(
            "an ICMP redirect is the host's", .icmp(client, to: "203.0.113.1", 5, payload: web().answer().bytes),
            .passed(REASON_ICMP_PASSED), shared),
        Row(
            "a neighbour solicitation for the VIP is the host's",
            .icmp(client6, to: "2001:db8:1::1", 135, payload: .counting(24)),
            .passed(REASON_ICMP_PASSED), shared6),
        Row(
            "an ICMP header of seven bytes", .raw(client, to: "203.0.113.1", 1, [8, 0, 0, 0, 0, 0, 0]),
            .dropped(REASON_TRUNCATED), shared),
        Row(
            "an ICMPv6 header of seven bytes", .raw(client6, to: "2001:db8:1::1", 58, [128, 0, 0, 0, 0, 0, 0]),
            .dropped(REASON_TRUNCATED), shared6),
        Row(
            "ICMPv6 over IPv4 is another protocol", .raw(client, to: "203.0.113.1", 58, .counting(40)),
            .passed(REASON_NOT_VIP), shared),
        Row(
            "the first fragment of an echo request is the host's", ping(payload: 200).fragments(at: 96).first,
            .passed(REASON_ICMP_PASSED), shared),
        Row("and so is a later one", ping(payload: 200).fragments(at: 96).later, .passed(REASON_ICMP_PASSED), shared),
        Row(
            "the first fragment of an IPv6 echo request is the host's", ping6(payload: 200).fragments(at: 96).first,
            .passed(REASON_ICMP_PASSED), shared6),
        Row(
            "and so is a later one over IPv6", ping6(payload: 200).fragments(at: 96).later,
            .passed(REASON_ICMP_PASSED), shared6),
    ]

    static let errors: [Row] = [
        relayed("fragmentation needed goes to the flow's backend", error(3, 4, mtu: 1400), "web", web()),
        relayed("fragmentation needed, to the least that every network carries", error(3, 4, mtu: 576), "web", web()),
        relayed("port unreachable", error(3, 3), "web", web()),
        relayed("time exceeded", error(11, 0), "web", web()),
        relayed("a parameter problem", error(12, 0), "web", web()),
        relayed(
            "an error that quotes no more than eight bytes",
            error(3, 4, mtu: 1400, quoting: Array(web().answer().bytes.prefix(28))), "web", web()),
        relayed(
            "an error that quotes all of a large packet",
            error(3, 4, mtu: 1400, quoting: web().answer(payload: 1000).bytes), "web", web()),
        relayed(
            "an error about a packet with options",
            error(
                3, 4, mtu: 1400,
                quoting: web().answer().with {
                    $0.options = .init(repeating: 1, count: 40)
                }.bytes), "web", web()),
        relayed(
            "an error about a first fragment",
            error(11, 1, quoting: web().answer(payload: 100).fragments(at: 64).first.bytes),
            "web", web()),
        relayed("an error about UDP", error(3, 3, quoting: dns.answer().bytes), "dns", dns),
        relayed(
            "an error with a tag", error(3, 4, mtu: 1400).with { $0.link.tags = [.init(control: 9)] }, "web", web()),
        relayed(
            "an error with options of its own", error(3, 4, mtu: 1400).with { $0.options = [1, 1, 1, 0] }, "web", web()),
        relayed(
            "an error about any port",
            .icmp("192.0.2.254", to: "203.0.113.2", 3, 4, rest: 1400, payload: vip(2, 8080).answer().bytes),
            "any", vip(2, 8080)),
        relayed(
            "an error about a client whose address alone counts",
            .icmp("192.0.2.254", to: "203.0.113.9", 3, 4, rest: 1400, payload: vip(9).answer().bytes), "sticky", vip(9)),
        relayed(
            "an error goes by GUE",
            .icmp("192.0.2.254", to: "203.0.113.4", 3, 4, rest: 1400, payload: vip(4, 443).answer().bytes),
            "gue", vip(4, 443)),
        relayed(
            "an error goes by L2",
            .icmp("192.0.2.254", to: "203.0.113.6", 3, 4, rest: 1400, payload: vip(6).answer().bytes), "wire", vip(6)),
        relayed("packet too big", error6(2, mtu: 1400), "web6", web6()),
        relayed("packet too big, to the least that every network carries", error6(2, mtu: 1280), "web6", web6()),
        relayed("an IPv6 destination that cannot be reached", error6(1), "web6", web6()),
        relayed("an IPv6 hop limit that is exceeded", error6(3), "web6", web6()),
        relayed("an IPv6 parameter problem", error6(4), "web6", web6()),
        relayed(
            "an IPv6 error about a first fragment",
            error6(2, mtu: 1400, quoting: web6().answer(payload: 100).fragments(at: 64).first.bytes), "web6", web6()),
        relayed(
            "an IPv6 error behind an extension header",
            error6(2, mtu: 1400).with { $0.extensions = [.options(0)] }, "web6", web6()),
        Row(
            "an error about this host's own service",
            .icmp(
                "192.0.2.254", to: "203.0.113.7", 3, 4, rest: 1400, payload: vip(7).answer().bytes), .delivered, "own",
            flow: vip(7)),
        Row(
            "fragmentation needed to less than 576 bytes", error(3, 4, mtu: 575), .dropped(REASON_ICMP_SMALL_MTU),
            shared),
        Row("fragmentation needed to nothing", error(3, 4, mtu: 0), .dropped(REASON_ICMP_SMALL_MTU), shared),
        Row("packet too big for less than 1,280 bytes", error6(2, mtu: 1279), .dropped(REASON_ICMP_SMALL_MTU), shared6),
        Row(
            "an error that quotes nothing", error(3, 4, mtu: 1400, quoting: []), .dropped(REASON_ICMP_BAD_INNER), shared
        ),
        Row(
            "an error that quotes half a header",
            error(3, 4, mtu: 1400, quoting: Array(web().answer().bytes.prefix(19))),
            .dropped(REASON_ICMP_BAD_INNER), shared),
        Row(
            "an error that quotes no ports", error(3, 4, mtu: 1400, quoting: Array(web().answer().bytes.prefix(23))),
            .dropped(REASON_ICMP_BAD_INNER), shared),
        Row(
            "an error whose frame goes on where its packet has ended",
            error(3, 4, mtu: 1400, quoting: web().answer().bytes).with { $0.length = 28 },
            .dropped(REASON_ICMP_BAD_INNER), shared),
        Row(
            "an error about a packet that the VIP did not send",
            error(3, 4, mtu: 1400, quoting: Packet.tcp("203.0.113.2", 443, to: client, 40000).bytes),
            .dropped(REASON_ICMP_BAD_INNER), shared),
        Row(
            "an error about a packet of a port that is no VIP's",
            error(3, 4, mtu: 1400, quoting: Packet.tcp("203.0.113.1", 444, to: client, 40000).bytes),
            .passed(REASON_ICMP_PASSED), shared),
        Row(
            "an error about UDP of a port that is TCP's",
            error(3, 3, quoting: Packet.udp("203.0.113.1", 443, to: client, 40000).bytes),
            .passed(REASON_ICMP_PASSED), shared),
        Row(
            "an error about GRE is the host's",
            error(3, 4, mtu: 1400, quoting: Packet.raw("203.0.113.1", to: client, 47, .counting(40)).bytes),
            .passed(REASON_ICMP_PASSED), shared),
        Row(
            "an error about the host's own echo request",
            error(11, 0, quoting: Packet.icmp("203.0.113.1", to: client, 8, payload: .counting(8)).bytes),
            .passed(REASON_ICMP_PASSED), shared),
        Row(
            "an IPv6 error about a packet of a port that is no VIP's",
            error6(2, mtu: 1400, quoting: Packet.tcp("2001:db8:1::1", 444, to: client6, 40000).bytes),
            .passed(REASON_ICMP_PASSED), shared6),
        Row(
            "an IPv6 error about the host's own echo request",
            error6(3, quoting: Packet.icmp("2001:db8:1::1", to: client6, 128, payload: .counting(8)).bytes),
            .passed(REASON_ICMP_PASSED), shared6),
        Row(
            "an error about a later fragment",
            error(11, 1, quoting: web().answer(payload: 100).fragments(at: 64).later.bytes),
            .dropped(REASON_ICMP_BAD_INNER), shared),
        Row(
            "an error about a packet of version 5",
            error(3, 4, mtu: 1400, quoting: web().answer().with { $0.version = 5 }.bytes),
            .dropped(REASON_ICMP_BAD_INNER), shared),
        Row(
            "an error about IPv6 within IPv4", error(3, 4, mtu: 1400, quoting: web6().answer().bytes),
            .dropped(REASON_ICMP_BAD_INNER), shared),
        Row(
            "an IPv6 error that quotes half a header",
            error6(2, mtu: 1400, quoting: Array(web6().answer().bytes.prefix(39))),
            .dropped(REASON_ICMP_BAD_INNER), shared6),
        Row(
            "an IPv6 error about a packet that the VIP did not send",
            error6(2, mtu: 1400, quoting: Packet.tcp("2001:db8:1::2", 443, to: client6, 40000).bytes),
            .dropped(REASON_ICMP_BAD_INNER), shared6),
        Row(
            "an IPv6 error about a later fragment",
            error6(2, mtu: 1400, quoting: web6().answer(payload: 100).fragments(at: 64).later.bytes),
            .dropped(REASON_ICMP_BAD_INNER), shared6),
        Row(
            "an error about a client that is denied",
            .icmp(
                "192.0.2.254", to: "203.0.113.16", 3, 4, rest: 1400,
                payload: Packet.tcp("198.51.100.200", 9, to: "203.0.113.16", 443).answer().bytes),
            .dropped(REASON_DENIED), "guarded"),
        Row(
            "an error of its own is too large to go on",
            error(3, 4, mtu: 1400, quoting: web().answer(payload: 1450).bytes),
            .dropped(REASON_TOO_BIG_LIMITED), "web", flow: web()),
    ]

    private static let dns = Packet.udp(client, 5353, to: "203.0.113.1", 53)

    private static func ping(payload: Int = 56) -> Packet {
        .icmp(client, to: "203.0.113.1", 8, rest: 0x1234_0001, payload: .counting(payload))
    }

    private static func ping6(payload: Int = 56) -> Packet {
        .icmp(client6, to: "2001:db8:1::1", 128, rest: 0x1234_0001, payload: .counting(payload))
    }

    /// An error from a router on the way to the client; it quotes what the VIP sent in the connection of `web`.
    private static func error(_ type: UInt8, _ code: UInt8, mtu: UInt32 = 0, quoting bytes: [UInt8]? = nil) -> Packet {
        .icmp("192.0.2.254", to: "203.0.113.1", type, code, rest: mtu, payload: bytes ?? web().answer().bytes)
    }

    private static func error6(_ type: UInt8, mtu: UInt32 = 0, quoting bytes: [UInt8]? = nil) -> Packet {
        .icmp("2001:db8:ffff::1", to: "2001:db8:1::1", type, 0, rest: mtu, payload: bytes ?? web6().answer().bytes)
    }

    private static func relayed(_ name: String, _ error: Packet, _ service: String, _ flow: Packet) -> Row {
        Row(name, error, .forwarded(REASON_ICMP_RELAYED), service, flow: flow)
    }

    private static func echo(_ name: String, _ request: Packet, _ service: String? = nil) -> Row {
        let reply = request.with {
            swap(&$0.source, &$0.destination)
            $0.ttl = UInt8(OUTER_TTL)
            if case .icmp(var message) = $0.transport {
                message.type = request.isIPv4 ? 0 : 129
                $0.transport = .icmp(message)
            }
        }
        return Row(name, request, .answered(REASON_ECHO_REPLY, reply), service ?? (request.isIPv4 ? shared : shared6))
    }
}
