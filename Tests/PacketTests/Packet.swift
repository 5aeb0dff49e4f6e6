// SPDX-License-Identifier: Apache-2.0

import Model

/// An Ethernet frame with an IP packet, part by part. Lengths and checksums are right unless a part says otherwise.
struct Packet: Sendable {
    struct Link: Sendable {
        struct Tag: Sendable {
            var kind: UInt16 = 0x8100
            var control: UInt16
        }

        var destination = MACAddress(bits: 0x0200_0000_0001)
        var source = MACAddress(bits: 0x0200_0000_0002)
        var tags: [Tag] = []
        /// nil: that of the packet's family.
        var type: UInt16?
    }

    struct Fragment: Sendable {
        /// In bytes.
        var offset: Int
        var isLast: Bool
    }

    /// A header between the IPv6 header and the transport's, all of it but the number of the next.
    struct Extension: Sendable {
        var kind: UInt8
        var rest: [UInt8]
    }

    var source: IPAddress
    var destination: IPAddress
    var transport: Transport
    var link = Link()
    /// Or traffic class.
    var tos: UInt8 = 0
    var ttl: UInt8 = 64
    var identification: UInt32 = 0x1234
    var mayFragment = false
    var fragment: Fragment?
    /// Of IPv4; a multiple of four bytes.
    var options: [UInt8] = []
    var flowLabel: UInt32 = 0xabcde
    var extensions: [Extension] = []

    // Wrong on purpose.
    var version: UInt8?
    var headerWords: UInt8?
    /// IPv4's total length, IPv6's payload length.
    var length: UInt16?
    var hasWrongHeaderChecksum = false
    /// In place of the whole IP packet.
    var content: [UInt8]?
    /// Behind the packet: Ethernet's padding.
    var trailer: [UInt8] = []
    /// So many bytes of the frame and no more.
    var kept: Int?

    init(from source: IPAddress, to destination: IPAddress, _ transport: Transport) {
        self.source = source
        self.destination = destination
        self.transport = transport
    }

    func with(_ change: (inout Packet) -> Void) -> Packet {
        var copy = self
        change(&copy)
        return copy
    }

    var isIPv4: Bool { destination.isIPv4 }

    /// The Ethernet frame.
    var frame: [UInt8] {
        var frame = link.destination.bytes + link.source.bytes
        for tag in link.tags { frame += [UInt8](tag.kind) + [UInt8](tag.control) }
        frame += [UInt8](link.type ?? (isIPv4 ? 0x0800 : 0x86dd)) + bytes + trailer
        return kept.map { Array(frame.prefix($0)) } ?? frame
    }

    /// Ethernet header and tags.
    var linkLength: Int { 14 + 4 * link.tags.count }

    /// The IP packet.
    var bytes: [UInt8] {
        if let content { return content }
        let payload = transport.bytes(from: source, to: destination)
        return isIPv4 ? header4(over: payload.count) + payload : header6(over: payload.count) + payload
    }

    private func header4(over payload: Int) -> [UInt8] {
        let words = headerWords ?? UInt8(5 + options.count / 4)
        var field = UInt16((fragment?.offset ?? 0) / 8)
        if !mayFragment && fragment == nil { field |= 0x4000 }
        if let fragment, !fragment.isLast { field |= 0x2000 }
        var header = [(version ?? 4) << 4 | words, tos] + [UInt8](length ?? UInt16(20 + options.count + payload))
        header += [UInt8](UInt16(truncatingIfNeeded: identification)) + [UInt8](field)
        header += [ttl, transport.number(isIPv4: true), 0, 0] + source.wire + destination.wire + options
        header.set(header.checksum ^ (hasWrongHeaderChecksum ? 0x0110 : 0), at: 10)
        return header
    }

    private func header6(over payload: Int) -> [UInt8] {
        var headers = extensions
        if let fragment {
            let field = UInt16(fragment.offset) | (fragment.isLast ? 0 : 1)
            headers.append(Extension(kind: 44, rest: [0] + [UInt8](field) + [UInt8](identification)))
        }
        let kinds = headers.map(\.kind) + [transport.number(isIPv4: false)]
        var chain: [UInt8] = []
        for (header, next) in zip(headers, kinds.dropFirst()) { chain += [next] + header.rest }
        let first = UInt32(version ?? 6) << 28 | UInt32(tos) << 20 | flowLabel
        return [UInt8](first) + [UInt8](length ?? UInt16(chain.count + payload)) + [kinds[0], ttl]
            + source.bytes + destination.bytes + chain
    }
}

extension Packet.Extension {
    /// Options for every hop (0), the destination (60), or a routing header (43), of so many units of eight bytes.
    static func options(_ kind: UInt8, units: Int = 1) -> Self {
        Self(
            kind: kind,
            rest: [UInt8(units - 1)] + [1, UInt8(8 * units - 4)] + Array(repeating: 0, count: 8 * units - 4))
    }

    /// RFC 4302, with twelve bytes of check value.
    static let authentication = Self(kind: 51, rest: [4, 0, 0] + .counting(20))
}

extension Packet {
    static func tcp(
        _ client: String, _ port: UInt16, to vip: String, _ vipPort: UInt16, _ flags: Transport.Segment.Flags = .ack,
        payload: Int = 0
    ) -> Packet {
        Packet(
            from: address(client), to: address(vip),
            .tcp(.init(source: port, destination: vipPort, flags: flags, payload: .counting(payload))))
    }

    static func udp(_ client: String, _ port: UInt16, to vip: String, _ vipPort: UInt16, payload: Int = 32) -> Packet {
        Packet(
            from: address(client), to: address(vip),
            .udp(.init(source: port, destination: vipPort, payload: .counting(payload))))
    }

    static func icmp(
        _ client: String, to vip: String, _ type: UInt8, _ code: UInt8 = 0, rest: UInt32 = 0, payload: [UInt8] = []
    )
        -> Packet
    {
        Packet(
            from: address(client), to: address(vip), .icmp(.init(type: type, code: code, rest: rest, payload: payload)))
    }

    /// A bare IP packet of another protocol.
    static func raw(_ client: String, to vip: String, _ number: UInt8, _ bytes: [UInt8]) -> Packet {
        Packet(from: address(client), to: address(vip), .raw(number, bytes))
    }

    /// Text that a test wrote, so a fault is the test's.
    static func address(_ text: String) -> IPAddress {
        guard let address = IPAddress(text) else { preconditionFailure("no address: \(text)") }
        return address
    }
}

extension Packet {
    /// The packet in two fragments, the first with `split` bytes of what follows the IP header.
    func fragments(at split: Int) -> (first: Packet, later: Packet) {
        let whole = transport.bytes(from: source, to: destination)
        let number = transport.number(isIPv4: isIPv4)
        let first = with {
            $0.transport = .raw(number, Array(whole[..<split]))
            $0.fragment = Fragment(offset: 0, isLast: false)
        }
        let later = with {
            $0.transport = .raw(number, Array(whole[split...]))
            $0.fragment = Fragment(offset: split, isLast: true)
        }
        return (first, later)
    }

    /// What the VIP sends back: the packet that routers on the way to the client complain about.
    func answer(payload: Int = 0) -> Packet {
        let bytes = [UInt8].counting(payload)
        let reverse: Transport =
            switch transport {
            case .tcp(let segment):
                .tcp(.init(source: segment.destination, destination: segment.source, flags: .ack, payload: bytes))
            case .udp(let datagram):
                .udp(.init(source: datagram.destination, destination: datagram.source, payload: bytes))
            case .icmp, .raw: transport
            }
        return Packet(from: destination, to: source, reverse)
    }

    /// With so many bytes of IP packet in all, by a longer payload.
    func sized(_ length: Int) -> Packet {
        let payload = [UInt8].counting(length - with { $0.setPayload([]) }.bytes.count)
        return with { $0.setPayload(payload) }
    }

    private mutating func setPayload(_ bytes: [UInt8]) {
        switch transport {
        case .tcp(var segment):
            segment.payload = bytes
            transport = .tcp(segment)
        case .udp(var datagram):
            datagram.payload = bytes
            transport = .udp(datagram)
        case .icmp(var message):
            message.payload = bytes
            transport = .icmp(message)
        case .raw(let number, _): transport = .raw(number, bytes)
        }
    }
}
