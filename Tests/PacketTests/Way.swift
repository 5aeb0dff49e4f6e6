// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

@testable import Dataplane

/// How a packet must look on its way to a backend: put together from what the generation says, without the map's templates.
struct Way {
    let forwarding: Forwarding
    let backend: PlacedBackend
    /// The packet as it came, with what trailed behind it.
    let inner: [UInt8]
    let frame: [UInt8]

    /// - Parameter flow: a packet of the same flow that shows the client's ports.
    init(of packet: Packet, flow: Packet, service name: String, to backend: PlacedBackend, on stage: Stage) throws {
        let service = try stage.service(name)
        let spread = try stage.flow(flow, of: name).fingerprint
        guard let hop = stage.image.view.nextHops[backend.backend.address] else {
            throw Unusable(what: "a next hop to \(backend.backend.name)")
        }
        self.backend = backend
        forwarding = service.placed.service.forwarding
        inner = Array(packet.frame[packet.linkLength...])
        var link = Packet.Link(destination: hop.destination, source: hop.interface.address)
        if let vlan = hop.vlan { link.tags = [.init(control: vlan)] }
        let view = stage.image.view
        switch forwarding {
        case .l2: frame = packet.with { $0.link = link }.frame
        case .ipip:
            let transport = Transport.raw(packet.isIPv4 ? 4 : 41, packet.bytes)
            frame = Self.outer(packet, transport, to: backend, spread: spread, view: view, link: link).frame
        case .gue:
            let header: [UInt8] = [0, packet.isIPv4 ? 4 : 41, 0, 0]
            let transport = Transport.udp(
                .init(
                    source: 0xc000 | UInt16(spread & 0x3fff), destination: UInt16(GUE_PORT),
                    payload: header + packet.bytes, hasChecksum: false))
            frame = Self.outer(packet, transport, to: backend, spread: spread, view: view, link: link).frame
        case .local, .sockets: throw Unusable(what: "a way for \(forwarding)")
        }
    }

    private static func outer(
        _ packet: Packet, _ transport: Transport, to backend: PlacedBackend, spread: UInt32, view: HostView,
        link: Packet.Link
    ) -> Packet {
        let address = backend.backend.address
        let prefix = address.isIPv4 ? view.sourcePrefix4 : view.sourcePrefix6
        let bits = address.isIPv4 ? 32 - prefix.length : min(32, 128 - prefix.length)
        // The hash's low half lies in the address as it lies in memory.
        let host = UInt32(bigEndian: spread) & (bits == 32 ? .max : 1 << UInt32(bits) - 1)
        let source = IPAddress(high: prefix.address.high, low: prefix.address.low | UInt64(host))
        return Packet(from: source, to: address, transport).with {
            $0.link = link
            $0.tos = packet.tos
            $0.ttl = UInt8(OUTER_TTL)
            $0.identification = 0
            $0.flowLabel = spread & 0xfffff
            $0.trailer = packet.trailer
        }
    }
}
