// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

/// One case of what a backend's program does: a frame, and what must come of it.
struct DecapRow: Sendable {
    /// A sentence.
    let name: String
    let packet: Packet
    let reason: decap_reason
    /// What goes to the stack; nil: the frame as it came, or nothing.
    var inner: Packet?

    init(_ name: String, _ packet: Packet, _ reason: decap_reason, inner: Packet? = nil) {
        self.name = name
        self.packet = packet
        self.reason = reason
        self.inner = inner
    }

    private static let inner4 = Row.web()
    private static let inner6 = Row.web6()

    static let all: [DecapRow] = [
        stripped("IPv4 in IPv4", ipip(inner4), inner4),
        stripped("IPv6 in IPv6", ipip6(inner6), inner6),
        stripped("IPv4 in IPv6", ipip6(inner4), inner4),
        stripped("IPv6 in IPv4", ipip(inner6), inner6),
        stripped("IPv4 in GUE", gue(inner4), inner4),
        stripped("IPv6 in GUE", gue(inner6), inner6),
        stripped("IPv4 in GUE over IPv6", gue6(inner4), inner4),
        stripped("IPv6 in GUE over IPv6", gue6(inner6), inner6),
        stripped(
            "a tunnel behind a VLAN tag", ipip(inner4).with { $0.link.tags = [.init(control: 12)] },
            inner4.with { $0.link.tags = [.init(control: 12)] }),
        stripped(
            "a tunnel behind two tags",
            gue(inner6).with {
                $0.link.tags = [.init(kind: 0x88a8, control: 5), .init(control: 12)]
            }, inner6.with { $0.link.tags = [.init(kind: 0x88a8, control: 5), .init(control: 12)] }),
        stripped("an outer header with options", ipip(inner4).with { $0.options = [1, 1, 1, 0] }, inner4),
        stripped(
            "padding behind the tunnel stays", ipip(inner4).with { $0.trailer = [1, 2, 3] },
            inner4.with { $0.trailer = [1, 2, 3] }),
        stripped("the smallest inner packet", ipip(tiny), tiny),
        stripped(
            "congestion of the fabric is carried into an inner packet that can say it",
            ipip(inner4.with { $0.tos = 0xba }).with { $0.tos = 0xbb }, inner4.with { $0.tos = 0xbb }),
        stripped("of ECT(1), too", ipip(inner4.with { $0.tos = 1 }).with { $0.tos = 3 }, inner4.with { $0.tos = 3 }),
        stripped(
            "not into one that cannot", ipip(inner4.with { $0.tos = 0xb8 }).with { $0.tos = 0xbb },
            inner4.with { $0.tos = 0xb8 }),
        stripped(
            "congestion is carried into IPv6", gue6(inner6.with { $0.tos = 2 }).with { $0.tos = 3 },
            inner6.with { $0.tos = 3 }),
        stripped("not into IPv6 that cannot say it", ipip6(inner6).with { $0.tos = 3 }, inner6),
        stripped(
            "an inner mark stays though the fabric had none", ipip(inner4.with { $0.tos = 3 }).with { $0.tos = 2 },
            inner4.with { $0.tos = 3 }),

        DecapRow("plain TCP", inner4, DECAP_PASSED),
        DecapRow("plain TCP over IPv6", inner6, DECAP_PASSED),
        DecapRow(
            "ARP",
            inner4.with {
                $0.link.type = 0x0806
                $0.content = .counting(28)
            }, DECAP_PASSED),
        DecapRow(
            "UDP to another port",
            gue(inner4).with { packet in
                packet.transport = .udp(.init(source: 50000, destination: 53, payload: .counting(40)))
            }, DECAP_PASSED),
        DecapRow("GRE", .raw("172.16.0.9", to: "10.0.0.9", 47, .counting(60)), DECAP_PASSED),
        DecapRow(
            "half a GUE header", .raw("172.16.0.9", to: "10.0.0.9", 17, [0xc0, 0, 0x17, 0xc0, 0, 10, 0, 0, 0, 4]),
            DECAP_PASSED),

        DecapRow(
            "a tunnel from nobody", ipip(inner4).with { $0.source = Packet.address("198.51.100.9") },
            DECAP_UNTRUSTED_SOURCE),
        DecapRow(
            "one from just beside the balancers", ipip(inner4).with { $0.source = Packet.address("172.17.0.1") },
            DECAP_UNTRUSTED_SOURCE),
        DecapRow(
            "GUE from nobody", gue(inner4).with { $0.source = Packet.address("198.51.100.9") },
            DECAP_UNTRUSTED_SOURCE),
        DecapRow(
            "a tunnel of IPv6 from nobody", ipip6(inner6).with { $0.source = Packet.address("2001:db8::9") },
            DECAP_UNTRUSTED_SOURCE),

        DecapRow(
            "an inner packet of the other family",
            ipip(inner4).with {
                $0.transport = .raw(4, inner6.bytes)
            }, DECAP_MALFORMED),
        DecapRow("an inner packet longer than the outer one", ipip(inner4.with { $0.length = 141 }), DECAP_MALFORMED),
        DecapRow(
            "an inner IPv6 packet longer than the outer one", ipip6(inner6.with { $0.length = 121 }), DECAP_MALFORMED),
        DecapRow(
            "an inner header cut short",
            ipip(inner4).with {
                $0.transport = .raw(4, Array(inner4.bytes.prefix(19)))
            }, DECAP_MALFORMED),
        DecapRow(
            "a fragment of a tunnel", ipip(inner4).with { $0.fragment = .init(offset: 0, isLast: false) },
            DECAP_MALFORMED),
        DecapRow("a GUE control message", gue(inner4, first: 0x20), DECAP_MALFORMED),
        DecapRow("GUE of another variant", gue(inner4, first: 0x40), DECAP_MALFORMED),
        DecapRow("GUE around something else", gue(inner4, protocol: 47), DECAP_MALFORMED),
    ]

    private static let tiny = Packet.raw(Row.client, to: "203.0.113.1", 6, [])

    private static func stripped(_ name: String, _ packet: Packet, _ inner: Packet) -> DecapRow {
        DecapRow(name, packet, DECAP_DECAPSULATED, inner: inner)
    }

    private static func ipip(_ inner: Packet) -> Packet {
        .raw("172.16.3.9", to: "10.0.0.9", inner.isIPv4 ? 4 : 41, inner.bytes).with { $0.tos = inner.tos }
    }

    private static func ipip6(_ inner: Packet) -> Packet {
        .raw("100::3:9", to: "2001:db8:b::9", inner.isIPv4 ? 4 : 41, inner.bytes).with { $0.tos = inner.tos }
    }

    private static func gue(_ inner: Packet, first: UInt8 = 0, protocol number: UInt8? = nil) -> Packet {
        Packet(from: Packet.address("172.16.3.9"), to: Packet.address("10.0.0.9"), around(inner, first, number))
    }

    private static func gue6(_ inner: Packet) -> Packet {
        Packet(from: Packet.address("100::3:9"), to: Packet.address("2001:db8:b::9"), around(inner, 0, nil))
    }

    private static func around(_ inner: Packet, _ first: UInt8, _ number: UInt8?) -> Transport {
        let header: [UInt8] = [first, number ?? (inner.isIPv4 ? 4 : 41), 0, 0]
        return .udp(
            .init(source: 50000, destination: UInt16(GUE_PORT), payload: header + inner.bytes, hasChecksum: false))
    }
}
