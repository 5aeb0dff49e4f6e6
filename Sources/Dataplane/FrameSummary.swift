// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

/// What a frame's headers say, from the outside in.
public struct FrameSummary: Hashable, Sendable {
    public struct Header: Hashable, Sendable {
        public let source: IPAddress
        public let destination: IPAddress
        /// IP's number of what follows.
        public let next: UInt8
    }

    public let destination: MACAddress
    public let source: MACAddress
    public let vlan: UInt16?
    /// Outer headers first; empty where it is not IP.
    public let headers: [Header]
    /// The packet lies in GUE.
    public let isGUE: Bool
    /// Of the innermost packet.
    public let sourcePort: UInt16?
    public let destinationPort: UInt16?
    public let length: Int

    /// Nil for less than an Ethernet header.
    public init?(_ frame: [UInt8]) {
        var cursor = Cursor(frame)
        guard let destination = cursor.take(6), let source = cursor.take(6), var type = cursor.number16() else {
            return nil
        }
        self.destination = MACAddress(bits: destination.reduce(0) { $0 << 8 | UInt64($1) })
        self.source = MACAddress(bits: source.reduce(0) { $0 << 8 | UInt64($1) })
        length = frame.count
        var vlan: UInt16?
        while type == 0x8100 || type == 0x88a8, let tag = cursor.number16(), let inner = cursor.number16() {
            vlan = vlan ?? tag & 0xfff
            type = inner
        }
        self.vlan = vlan
        var headers: [Header] = []
        var isGUE = false
        var ports: (UInt16, UInt16)?
        var version: UInt8? = type == 0x0800 ? 4 : type == 0x86dd ? 6 : nil
        while let family = version, headers.count < 3, let header = cursor.header(version: family) {
            headers.append(header)
            version = nil
            switch header.next {
            case 4: version = 4
            case 41: version = 6
            case 6, 17:
                guard let source = cursor.number16(), let destination = cursor.number16() else { break }
                if header.next == 17, destination == UInt16(GUE_PORT), let gue = cursor.take(8) {
                    isGUE = true
                    version = gue[5] == 4 ? 4 : gue[5] == 41 ? 6 : nil
                } else {
                    ports = (source, destination)
                }
            default: break
            }
        }
        self.headers = headers
        self.isGUE = isGUE
        sourcePort = ports?.0
        destinationPort = ports?.1
    }

    /// `IPIP`, `GUE`; nil where nothing is put around the packet.
    public var encapsulation: String? { headers.count < 2 ? nil : isGUE ? "GUE" : "IPIP" }
}

extension FrameSummary: CustomStringConvertible {
    /// `IPIP 172.16.88.201 > 10.3.0.22`, or the packet's own addresses and ports.
    public var description: String {
        guard let outer = headers.first else { return "\(source) > \(destination)" }
        if let encapsulation { return "\(encapsulation) \(outer.source) > \(outer.destination)" }
        let name = TransportProtocol(rawValue: outer.next)?.description ?? "protocol \(outer.next)"
        guard let sourcePort, let destinationPort else { return "\(name) \(outer.source) > \(outer.destination)" }
        func endpoint(_ address: IPAddress, _ port: UInt16) -> String {
            address.isIPv4 ? "\(address):\(port)" : "[\(address)]:\(port)"
        }
        return "\(name) \(endpoint(outer.source, sourcePort)) > \(endpoint(outer.destination, destinationPort))"
    }
}

/// Walks over bytes; answers nil where they end.
private struct Cursor {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func take(_ count: Int) -> ArraySlice<UInt8>.SubSequence? {
        guard count >= 0, position + count <= bytes.count else { return nil }
        defer { position += count }
        return Array(bytes[position..<position + count])[...]
    }

    mutating func number16() -> UInt16? { take(2).map { UInt16($0[0]) << 8 | UInt16($0[1]) } }

    /// Extension headers of IPv6 are not walked over.
    mutating func header(version: UInt8) -> FrameSummary.Header? {
        guard version == 4 else {
            guard let fixed = take(40) else { return nil }
            return FrameSummary.Header(
                source: address(fixed[8..<24]), destination: address(fixed[24..<40]), next: fixed[6])
        }
        guard let fixed = take(20), take(Int(fixed[0] & 0xf) * 4 - 20) != nil else { return nil }
        return FrameSummary.Header(
            source: address(fixed[12..<16]), destination: address(fixed[16..<20]), next: fixed[9])
    }

    private func address(_ bytes: ArraySlice<UInt8>) -> IPAddress {
        let halves = bytes.enumerated().reduce(into: (high: UInt64(0), low: UInt64(0))) { halves, byte in
            if byte.offset < 8, bytes.count == 16 {
                halves.high = halves.high << 8 | UInt64(byte.element)
            } else {
                halves.low = halves.low << 8 | UInt64(byte.element)
            }
        }
        return bytes.count == 4
            ? IPAddress(v4: UInt32(truncatingIfNeeded: halves.low)) : IPAddress(high: halves.high, low: halves.low)
    }
}
