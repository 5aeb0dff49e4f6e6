// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

/// A packet that nobody sent: the first of a connection, or one of its middle.
public struct MadePacket: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// Asks for a new connection.
        case tcpSYN
        /// Belongs to a connection.
        case tcpACK
        case udp
    }

    public var source: IPAddress
    public var sourcePort: UInt16
    public var destination: IPAddress
    public var destinationPort: UInt16
    public var kind: Kind

    public init(
        source: IPAddress, sourcePort: UInt16, destination: IPAddress, destinationPort: UInt16, kind: Kind
    ) {
        self.source = source
        self.sourcePort = sourcePort
        self.destination = destination
        self.destinationPort = destinationPort
        self.kind = kind
    }

    public var transport: TransportProtocol { kind == .udp ? .udp : .tcp }

    /// The whole frame. A dry run's source address keeps it from leaving a trace.
    ///
    /// - Parameter nonce: found again in the explanation.
    public func frame(nonce: UInt16) -> [UInt8] {
        let destinationMAC: [UInt8] = [0x02, 0, 0, 0, 0, 1]
        let sourceMAC =
            [DRY_RUN_MAC0, DRY_RUN_MAC1, DRY_RUN_MAC2, DRY_RUN_MAC3].map { UInt8(truncatingIfNeeded: $0) }
            + bytes(nonce)
        let type: UInt16 = source.isIPv4 ? 0x0800 : 0x86dd
        let transport = transportHeader()
        return destinationMAC + sourceMAC + bytes(type) + ipHeader(payload: transport.count) + transport
    }

    /// RFC 791, RFC 8200.
    private func ipHeader(payload: Int) -> [UInt8] {
        guard source.isIPv4 else {
            return [0x60, 0, 0, 0] + bytes(UInt16(payload)) + [transport.rawValue, 64] + source.bytes
                + destination.bytes
        }
        var header: [UInt8] =
            [0x45, 0] + bytes(UInt16(20 + payload)) + [0, 0, 0x40, 0, 64, transport.rawValue, 0, 0]
            + bytes(source.v4Bits) + bytes(destination.v4Bits)
        let sum = bytes(InternetChecksum.of(header))
        header[10] = sum[0]
        header[11] = sum[1]
        return header
    }

    /// RFC 9293, RFC 768; without a checksum of the payload, which the program does not look at.
    private func transportHeader() -> [UInt8] {
        let ports = bytes(sourcePort) + bytes(destinationPort)
        let window: [UInt8] = [0xff, 0xff, 0, 0, 0, 0]
        switch kind {
        case .udp: return ports + bytes(UInt16(8)) + [0, 0]
        case .tcpSYN: return ports + [0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02] + window
        case .tcpACK: return ports + [0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10] + window
        }
    }

    private func bytes<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        withUnsafeBytes(of: networkOrder(number)) { Array($0) }
    }
}

/// RFC 1071.
enum InternetChecksum {
    static func of(_ bytes: some Collection<UInt8>) -> UInt16 {
        var sum: UInt32 = 0
        for (index, byte) in bytes.enumerated() { sum += UInt32(byte) << (index % 2 == 0 ? 8 : 0) }
        while sum > 0xffff { sum = sum >> 16 + sum & 0xffff }
        return ~UInt16(truncatingIfNeeded: sum)
    }
}
