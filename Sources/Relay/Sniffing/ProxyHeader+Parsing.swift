// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Model

/// What a PROXY header came to: nil where its sender speaks for itself (`LOCAL`, `UNKNOWN`, a family that is not TCP
/// over IP), and the connection's own addresses hold.
public typealias ProxyAnnouncement = ProxyHeader?

extension ProxyHeader {
    /// Of version 2, address block and options: what is longer is malformed. The address block has 36 bytes at most, the
    /// rest is what a sender wishes to add.
    static let binaryMax = 4096

    /// Reads a header of either version off the stream's first bytes, and checks all of it that it uses; a sender's
    /// additions (TLVs) are passed over.
    public static func parse(_ bytes: UnsafeRawBufferPointer) -> Parsed<ProxyAnnouncement> {
        guard let first = bytes.first else { return .incomplete }
        return first == UInt8(ascii: "P") ? parseLine(bytes) : parseBinary(bytes)
    }

    // MARK: Version 2

    private static func parseBinary(_ bytes: UnsafeRawBufferPointer) -> Parsed<ProxyAnnouncement> {
        let begins = signature.withUTF8Buffer { signature in zip(bytes, signature).allSatisfy { $0 == $1 } }
        guard begins else { return .malformed }
        guard bytes.count >= fixedBytes else { return .incomplete }
        var cursor = ByteCursor(bytes, signatureBytes..<bytes.count)
        guard let command = cursor.byte(), let family = cursor.byte(), let length = cursor.number(2) else {
            return .incomplete
        }
        guard command == commandProxy || command == commandLocal, length <= binaryMax else { return .malformed }
        guard let block = cursor.range(length) else { return .incomplete }
        if command == commandLocal { return .whole(nil, length: block.upperBound) }
        switch family {
        case streamIPv4, streamIPv6:
            guard let header = binary(bytes, block, isIPv4: family == streamIPv4) else { return .malformed }
            return .whole(header, length: block.upperBound)
        // UNSPEC, and what is neither TCP nor IP: the specification has receivers ignore the addresses.
        case 0x00, 0x12, 0x22, 0x31, 0x32: return .whole(nil, length: block.upperBound)
        default: return .malformed
        }
    }

    private static func binary(_ bytes: UnsafeRawBufferPointer, _ block: Range<Int>, isIPv4: Bool) -> ProxyHeader? {
        var cursor = ByteCursor(bytes, block)
        func half() -> UInt64? {
            guard let high = cursor.number(4), let low = cursor.number(4) else { return nil }
            return UInt64(high) << 32 | UInt64(low)
        }
        func address() -> (high: UInt64, low: UInt64)? {
            if isIPv4 { return cursor.number(4).map { (0, 0xffff_0000_0000 | UInt64($0)) } }
            guard let high = half(), let low = half() else { return nil }
            return (high, low)
        }
        guard let source = address(), let destination = address(), let sourcePort = cursor.number(2),
            let destinationPort = cursor.number(2)
        else { return nil }
        return ProxyHeader(
            source: SocketAddress(
                high: source.high, low: source.low, port: UInt16(truncatingIfNeeded: sourcePort)),
            destination: SocketAddress(
                high: destination.high, low: destination.low, port: UInt16(truncatingIfNeeded: destinationPort)))
    }

    // MARK: Version 1

    private static func parseLine(_ bytes: UnsafeRawBufferPointer) -> Parsed<ProxyAnnouncement> {
        let most = min(bytes.count, lineMax)
        let start: StaticString = "PROXY "
        let begins = start.withUTF8Buffer { start in zip(bytes, start).allSatisfy { $0 == $1 } }
        guard begins else { return .malformed }
        guard let end = bytes[..<most].firstIndex(of: UInt8(ascii: "\n")) else {
            return bytes.count < lineMax ? .incomplete : .malformed
        }
        guard end >= start.utf8CodeUnitCount, bytes[end - 1] == UInt8(ascii: "\r") else { return .malformed }
        let rest = String(decoding: bytes[start.utf8CodeUnitCount..<end - 1], as: UTF8.self)
        if rest == "UNKNOWN" || rest.hasPrefix("UNKNOWN ") { return .whole(nil, length: end + 1) }
        guard let header = line(rest) else { return .malformed }
        return .whole(header, length: end + 1)
    }

    private static func line(_ text: String) -> ProxyHeader? {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 5, words[0] == "TCP4" || words[0] == "TCP6",
            let source = IPAddress(String(words[1])), let destination = IPAddress(String(words[2])),
            let sourcePort = port(words[3]), let destinationPort = port(words[4])
        else { return nil }
        // TCP4 has dotted octets; TCP6 colons, though they may spell a v4-mapped address.
        let isIPv4 = words[0] == "TCP4"
        guard words[1].utf8.contains(UInt8(ascii: ":")) != isIPv4, words[2].utf8.contains(UInt8(ascii: ":")) != isIPv4
        else { return nil }
        return ProxyHeader(
            source: SocketAddress(high: source.high, low: source.low, port: sourcePort),
            destination: SocketAddress(high: destination.high, low: destination.low, port: destinationPort))
    }

    private static func port(_ word: Substring) -> UInt16? {
        guard (1...5).contains(word.utf8.count), word.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            word == "0" || word.utf8.first != 0x30
        else { return nil }
        return UInt16(word)
    }
}
