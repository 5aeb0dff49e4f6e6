// SPDX-License-Identifier: Apache-2.0

import CLinux

/// One message of a route socket: netlink(7). Numbers are in the host's byte order.
struct NetlinkMessage: Hashable {
    var type: UInt16
    var flags: UInt16 = 0
    var sequence: UInt32 = 0
    /// What follows the header, without the padding.
    var body: ArraySlice<UInt8>

    static let headerSize = 16

    /// The messages of one datagram. A length that does not fit is reported with its place.
    static func messages(in datagram: [UInt8]) throws(NetlinkParseError) -> [NetlinkMessage] {
        var answer: [NetlinkMessage] = []
        var offset = 0
        while offset < datagram.count {
            let rest = datagram[offset...]
            guard rest.count >= headerSize, let length = rest.number(at: 0, as: UInt32.self).map(Int.init),
                length >= headerSize, length <= rest.count
            else { throw NetlinkParseError(offset: offset, cause: "a message that does not fit its datagram") }
            answer.append(
                NetlinkMessage(
                    type: rest.number(at: 4, as: UInt16.self) ?? 0, flags: rest.number(at: 6, as: UInt16.self) ?? 0,
                    sequence: rest.number(at: 8, as: UInt32.self) ?? 0,
                    body: datagram[(offset + headerSize)..<(offset + length)]))
            offset += (length + 3) & ~3
        }
        return answer
    }

    /// The bytes to send. The kernel fills in who we are.
    var bytes: [UInt8] {
        var answer: [UInt8] = []
        answer.append(number: UInt32(Self.headerSize + body.count))
        answer.append(number: type)
        answer.append(number: flags)
        answer.append(number: sequence)
        answer.append(number: UInt32(0))
        return answer + body
    }

    /// Of an NLMSG_ERROR: 0 for an acknowledgement, else an errno.
    var failure: Int32? {
        guard type == UInt16(NLMSG_ERROR) else { return nil }
        return body.number(at: 0, as: Int32.self).map { $0 == .min ? .max : -$0 }
    }
}

/// Where bytes of a netlink message cannot be what they should be.
struct NetlinkParseError: Error, Hashable, CustomStringConvertible {
    var offset: Int
    var cause: String

    var description: String { "netlink: \(cause) at byte \(offset)" }
}

/// The attributes behind a message's fixed part, or within another attribute: the last of each type counts.
struct NetlinkAttributes {
    private var values: [UInt16: ArraySlice<UInt8>] = [:]

    init(_ bytes: ArraySlice<UInt8>) throws(NetlinkParseError) {
        var rest = bytes
        // Trailing bytes that are fewer than a header are padding.
        while rest.count >= 4 {
            let length = Int(rest.number(at: 0, as: UInt16.self) ?? 0)
            guard length >= 4, length <= rest.count else {
                throw NetlinkParseError(offset: rest.startIndex, cause: "an attribute that does not fit its message")
            }
            // The two highest bits of a type are flags.
            let type = (rest.number(at: 2, as: UInt16.self) ?? 0) & 0x3fff
            values[type] = rest.dropFirst(4).prefix(length - 4)
            rest = rest.dropFirst((length + 3) & ~3)
        }
    }

    /// Constants of the kernel arrive as enums of their own or as plain numbers.
    subscript(_ type: some BinaryInteger) -> ArraySlice<UInt8>? { values[UInt16(truncatingIfNeeded: type)] }

    func number<Number: FixedWidthInteger>(_ type: some BinaryInteger, as: Number.Type) -> Number? {
        self[type]?.number(at: 0, as: Number.self)
    }

    /// A text that ends with its first zero byte.
    func text(_ type: some BinaryInteger) -> String? {
        self[type].map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    func nested(_ type: some BinaryInteger) throws(NetlinkParseError) -> NetlinkAttributes? {
        guard let bytes = self[type] else { return nil }
        return try NetlinkAttributes(bytes)
    }
}

extension ArraySlice<UInt8> {
    /// A number in the host's byte order; nil where the bytes end before it.
    func number<Number: FixedWidthInteger>(at offset: Int, as: Number.Type) -> Number? {
        guard offset + MemoryLayout<Number>.size <= count else { return nil }
        return withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Number.self) }
    }
}

extension [UInt8] {
    mutating func append(number: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: number) { append(contentsOf: $0) }
    }

    /// An attribute with its padding.
    mutating func append(attribute type: some BinaryInteger, _ value: [UInt8]) {
        append(number: UInt16(4 + value.count))
        append(number: UInt16(truncatingIfNeeded: type))
        append(contentsOf: value)
        append(contentsOf: repeatElement(0, count: -value.count & 3))
    }
}
