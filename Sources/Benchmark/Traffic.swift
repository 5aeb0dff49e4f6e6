// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Model

/// Packets of one kind: one flow's, or many flows' in an order that no cache foresees.
struct Traffic: Sendable {
    /// The first flow's packet; others differ in the last word of the client's address, and in the client's port.
    var packet: MadePacket
    /// A power of two; 1: the same packet again and again.
    var flows = 1
    /// A power of two: flows spread over so many VIPs, whose addresses follow one another.
    var vips = 1
    /// A power of two: so many packets in a row go to one VIP.
    var train = 1

    /// Enough that no flow comes twice in a measurement, and few enough that clients have ordinary addresses.
    static let newFlowEachPacket = 1 << 26

    var asSYN: Traffic {
        var traffic = self
        traffic.packet.kind = .tcpSYN
        return traffic
    }

    func spread(flows: Int, vips: Int = 1, train: Int = 1) -> Traffic {
        Traffic(packet: packet, flows: flows, vips: vips, train: train)
    }

    /// The frame as it arrives at the near end.
    func frame(on wire: Wire) -> [UInt8] {
        wire.near.address.bytes + wire.far.address.bytes + packet.frame(nonce: 0).dropFirst(12)
    }

    static func ipv4(_ vip: VIP, _ kind: MadePacket.Kind = .tcpACK) -> Traffic {
        Traffic(
            packet: MadePacket(
                source: client4, sourcePort: 4000, destination: vip.address, destinationPort: vip.port, kind: kind))
    }

    static func ipv6(_ vip: VIP) -> Traffic {
        Traffic(
            packet: MadePacket(
                source: client6, sourcePort: 4000, destination: vip.address, destinationPort: vip.port, kind: .tcpACK))
    }

    /// 11.0.0.1 and 2001:db8:7::1.
    private static let client4 = IPAddress(v4: 0x0b00_0001)
    private static let client6 = IPAddress(high: 0x2001_0db8_0007_0000, low: 1)
}
