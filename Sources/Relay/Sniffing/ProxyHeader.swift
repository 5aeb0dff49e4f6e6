// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// Who is behind a connection, told to its receiver by the header in front of it.
///
/// Source: "The PROXY protocol, versions 1 & 2", HAProxy's documentation.
public struct ProxyHeader: Hashable, Sendable {
    public let source: SocketAddress
    public let destination: SocketAddress

    public init(source: SocketAddress, destination: SocketAddress) {
        self.source = source
        self.destination = destination
    }

    static let signature: StaticString = "\r\n\r\n\0\r\nQUIT\n"
    static let signatureBytes = 12
    static let fixedBytes = 16
    /// Of version 1's line, with its end.
    static let lineMax = 107
    static let commandProxy = 0x21
    static let commandLocal = 0x20
    static let streamIPv4 = 0x11
    static let streamIPv6 = 0x21

    /// - Parameter bytes: at least `lineMax`.
    /// - Returns: how many bytes it took.
    public func write(_ version: RelayPolicy.ProxyProtocol, to bytes: UnsafeMutableRawBufferPointer) -> Int {
        precondition(bytes.count >= Self.lineMax, "no room for a PROXY header")
        var writer = ByteWriter(bytes)
        switch version {
        case .none: break
        case .v1: writeLine(&writer)
        case .v2: writeBinary(&writer)
        }
        return writer.count
    }

    /// Two addresses of one family are written as they are; an IPv4 one beside an IPv6 one as v4-mapped.
    private var isIPv4: Bool { source.isIPv4 && destination.isIPv4 }

    private func writeLine(_ writer: inout ByteWriter) {
        writer.text(isIPv4 ? "PROXY TCP4 " : "PROXY TCP6 ")
        writer.address(source, asIPv4: isIPv4)
        writer.text(" ")
        writer.address(destination, asIPv4: isIPv4)
        writer.text(" ")
        writer.decimal(UInt64(source.port))
        writer.text(" ")
        writer.decimal(UInt64(destination.port))
        writer.text("\r\n")
    }

    private func writeBinary(_ writer: inout ByteWriter) {
        writer.text(Self.signature)
        writer.number(UInt64(Self.commandProxy), width: 1)
        writer.number(UInt64(isIPv4 ? Self.streamIPv4 : Self.streamIPv6), width: 1)
        writer.number(isIPv4 ? 12 : 36, width: 2)
        for address in [source, destination] {
            if !isIPv4 { writer.number(address.high, width: 8) }
            writer.number(address.low, width: isIPv4 ? 4 : 8)
        }
        writer.number(UInt64(source.port), width: 2)
        writer.number(UInt64(destination.port), width: 2)
    }
}

/// Writes into bytes that somebody else owns, and never beyond them.
struct ByteWriter {
    private let bytes: UnsafeMutableRawBufferPointer
    private(set) var count = 0

    init(_ bytes: UnsafeMutableRawBufferPointer) { self.bytes = bytes }

    mutating func byte(_ value: UInt8) {
        precondition(count < bytes.count, "no room")
        bytes[count] = value
        count += 1
    }

    mutating func text(_ text: StaticString) {
        // Of a local copy: the closure must not hold `self` while it is being changed.
        var writer = self
        text.withUTF8Buffer { for value in $0 { writer.byte(value) } }
        self = writer
    }

    /// The low bytes of a number, the highest first.
    mutating func number(_ value: UInt64, width: Int) {
        for index in (0..<width).reversed() { byte(UInt8(truncatingIfNeeded: value >> UInt64(8 * index))) }
    }

    mutating func decimal(_ value: UInt64) {
        if value >= 10 { decimal(value / 10) }
        byte(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10))
    }

    mutating func hexadecimal(_ value: UInt64) {
        if value >= 16 { hexadecimal(value / 16) }
        let digit = UInt8(truncatingIfNeeded: value % 16)
        byte(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
    }

    mutating func address(_ address: SocketAddress, asIPv4: Bool) {
        if asIPv4 {
            for shift in [24, 16, 8, 0] as [UInt64] {
                decimal(address.low >> shift & 0xff)
                if shift > 0 { byte(UInt8(ascii: ".")) }
            }
            return
        }
        for group in 0..<8 {
            let half = group < 4 ? address.high : address.low
            hexadecimal(half >> UInt64(48 - 16 * (group % 4)) & 0xffff)
            if group < 7 { byte(UInt8(ascii: ":")) }
        }
    }
}
