// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc

/// A name in JSON's form, made once and written often. Its owner releases it.
struct LogText: BitwiseCopyable {
    private let start: UnsafeMutablePointer<UInt8>
    private let count: Int

    /// Octets.
    static let most = 1_024

    init(_ text: String) {
        start = .allocate(capacity: Self.most)
        var writer = ByteWriter(start, capacity: Self.most)
        var text = text
        // Escapes take six at most, and the quotes two.
        text.withUTF8 { writer.append(json: UnsafeBufferPointer(rebasing: $0.prefix((Self.most - 2) / 6))) }
        count = writer.count
    }

    func write(to writer: inout ByteWriter) { writer.append(UnsafePointer(start), count) }

    func release() { start.deallocate() }
}

extension ByteWriter {
    /// A string of JSON. What is no ASCII stands for itself as ISO 8859-1 does: a field's value may be of any octets.
    mutating func append(json text: UnsafeBufferPointer<UInt8>) {
        append(UInt8(0x22))
        for octet in text {
            switch octet {
            case 0x22, 0x5c:
                append(UInt8(0x5c))
                append(octet)
            case 0x20...0x7e: append(octet)
            default:
                append("\\u00")
                append(Self.digit(octet >> 4))
                append(Self.digit(octet & 15))
            }
        }
        append(UInt8(0x22))
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 &+ value : 0x57 &+ value }

    /// Milliseconds with three digits behind the point; below 0 there is none, and it is null.
    mutating func append(milliseconds microseconds: Int64) {
        guard microseconds >= 0 else { return append("null") }
        append(decimal: Int(microseconds / 1_000))
        append(".")
        append(decimal: Int(microseconds % 1_000), digits: 3)
    }

    /// The last digits, with zeros in front.
    mutating func append(decimal number: Int, digits: Int) {
        var scale = 1
        for _ in 1..<max(1, digits) { scale *= 10 }
        while scale > 0 {
            append(UInt8(truncatingIfNeeded: 0x30 + number / scale % 10))
            scale /= 10
        }
    }

    /// `10.0.0.1:80`, `[2001:db8::1]:80`.
    mutating func append(address: SocketAddress) {
        if !address.isIPv4 { append("[") }
        append(host: address)
        append(address.isIPv4 ? ":" : "]:")
        append(decimal: Int(address.port))
    }
}

/// Says what time it is, to milliseconds, in UTC: the seconds' text is made once a second.
struct Calendar {
    private var second = 0
    private var parts = tm()

    mutating func write(to writer: inout ByteWriter) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        if now.tv_sec != second {
            second = now.tv_sec
            gmtime_r(&now.tv_sec, &parts)
        }
        writer.append(decimal: Int(parts.tm_year) + 1900, digits: 4)
        writer.append("-")
        writer.append(decimal: Int(parts.tm_mon) + 1, digits: 2)
        writer.append("-")
        writer.append(decimal: Int(parts.tm_mday), digits: 2)
        writer.append("T")
        writer.append(decimal: Int(parts.tm_hour), digits: 2)
        writer.append(":")
        writer.append(decimal: Int(parts.tm_min), digits: 2)
        writer.append(":")
        writer.append(decimal: Int(parts.tm_sec), digits: 2)
        writer.append(".")
        writer.append(decimal: Int(now.tv_nsec) / 1_000_000, digits: 3)
        writer.append("Z")
    }
}
