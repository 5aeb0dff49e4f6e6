// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

/// What was put in front of a packet, read from the frame that left and checked against the RFCs field by field.
struct OuterPacket {
    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    private(set) var destinationMAC = MACAddress(bits: 0)
    private(set) var vlan: UInt16?
    private(set) var source = IPAddress(high: 0, low: 0)
    private(set) var destination = IPAddress(high: 0, low: 0)
    private(set) var tos: UInt8 = 0
    private(set) var isGUE = false
    /// The packet inside, and whatever trails behind it in the frame.
    private(set) var inner: [UInt8] = []

    init(_ frame: [UInt8]) throws(Fault) {
        try require(frame.count >= 18, "a frame of \(frame.count) bytes")
        destinationMAC = frame.mac(at: 0)
        var type = frame.number16(at: 12)
        var offset = 14
        if type == 0x8100 {
            vlan = frame.number16(at: 14)
            type = frame.number16(at: 16)
            offset = 18
        }
        let packet = Array(frame[offset...])
        switch type {
        case 0x0800: try read4(packet)
        case 0x86dd: try read6(packet)
        default: throw Fault(description: "EtherType \(type)")
        }
    }

    private mutating func read4(_ packet: [UInt8]) throws(Fault) {
        try require(packet.count >= 20, "an outer IPv4 header of \(packet.count) bytes")
        try require(packet[0] == 0x45, "version and header length \(packet[0])")
        let length = Int(packet.number16(at: 2))
        try require(length <= packet.count, "outer length \(length) in \(packet.count) bytes")
        try require(packet.number16(at: 4) == 0 && packet.number16(at: 6) == 0x4000, "DF with id 0")
        try require(packet[8] == UInt8(OUTER_TTL), "outer TTL \(packet[8])")
        try require(Array(packet[..<20]).checksum == 0, "outer IPv4 checksum")
        tos = packet[1]
        source = IPAddress(v4: packet.number32(at: 12))
        destination = IPAddress(v4: packet.number32(at: 16))
        try readInside(Array(packet[20...]), length: length - 20, protocol: packet[9])
    }

    private mutating func read6(_ packet: [UInt8]) throws(Fault) {
        try require(packet.count >= 40, "an outer IPv6 header of \(packet.count) bytes")
        try require(packet[0] >> 4 == 6, "version \(packet[0] >> 4)")
        let length = Int(packet.number16(at: 4))
        try require(length + 40 <= packet.count, "outer payload length \(length) in \(packet.count) bytes")
        try require(packet[7] == UInt8(OUTER_TTL), "outer hop limit \(packet[7])")
        tos = packet[0] << 4 | packet[1] >> 4
        source = packet.address6(at: 8)
        destination = packet.address6(at: 24)
        try readInside(Array(packet[40...]), length: length, protocol: packet[6])
    }

    private mutating func readInside(_ bytes: [UInt8], length: Int, protocol number: UInt8) throws(Fault) {
        isGUE = number == 17
        guard isGUE else {
            inner = bytes
            return try checkInner(length: length, protocol: number)
        }
        try require(length >= 12, "UDP and GUE in \(length) bytes")
        try require(bytes.number16(at: 0) >= 0xc000, "UDP source port \(bytes.number16(at: 0))")
        try require(bytes.number16(at: 2) == UInt16(GUE_PORT), "UDP port \(bytes.number16(at: 2))")
        try require(Int(bytes.number16(at: 4)) == length, "UDP length \(bytes.number16(at: 4)) of \(length)")
        try require(bytes.number16(at: 6) == 0, "a UDP checksum")
        try require(bytes[8] == 0 && bytes[10] == 0 && bytes[11] == 0, "GUE header \(Array(bytes[8..<12]))")
        inner = Array(bytes[12...])
        try checkInner(length: length - 12, protocol: bytes[9])
    }

    private func checkInner(length: Int, protocol number: UInt8) throws(Fault) {
        try require(number == 4 || number == 41, "inner protocol \(number)")
        let isIPv4 = number == 4
        try require(inner.count >= (isIPv4 ? 20 : 40), "an inner packet of \(inner.count) bytes")
        try require(inner[0] >> 4 == (isIPv4 ? 4 : 6), "inner version \(inner[0] >> 4)")
        let own = isIPv4 ? Int(inner.number16(at: 2)) : 40 + Int(inner.number16(at: 4))
        try require(own == length, "an inner packet of \(own) bytes in \(length)")
        let innerTOS = isIPv4 ? inner[1] : inner[0] << 4 | inner[1] >> 4
        try require(innerTOS == tos, "outer TOS \(tos), inner \(innerTOS)")
    }

    private func require(_ holds: Bool, _ what: @autoclosure () -> String) throws(Fault) {
        if !holds { throw Fault(description: "wrong: \(what())") }
    }
}

extension Array where Element == UInt8 {
    func mac(at offset: Int) -> MACAddress {
        MACAddress(bits: UInt64(number16(at: offset)) << 32 | UInt64(number32(at: offset + 2)))
    }

    func address6(at offset: Int) -> IPAddress {
        IPAddress(
            high: UInt64(number32(at: offset)) << 32 | UInt64(number32(at: offset + 4)),
            low: UInt64(number32(at: offset + 8)) << 32 | UInt64(number32(at: offset + 12)))
    }
}
