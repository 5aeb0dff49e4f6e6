// SPDX-License-Identifier: Apache-2.0

/// RFC 9113, 6.
enum FrameType {
    static let data: UInt8 = 0
    static let headers: UInt8 = 1
    static let priority: UInt8 = 2
    static let resetStream: UInt8 = 3
    static let settings: UInt8 = 4
    static let pushPromise: UInt8 = 5
    static let ping: UInt8 = 6
    static let goAway: UInt8 = 7
    static let windowUpdate: UInt8 = 8
    static let continuation: UInt8 = 9
}

enum FrameFlags {
    static let endStream: UInt8 = 0x1
    static let acknowledge: UInt8 = 0x1
    static let endHeaders: UInt8 = 0x4
    static let padded: UInt8 = 0x8
    static let priority: UInt8 = 0x20
}

/// The nine octets before a frame's payload (RFC 9113, 4.1).
struct FrameHeader: BitwiseCopyable, Sendable, Equatable {
    static let size = 9

    /// Octets of the payload.
    var length: Int
    var type: UInt8
    var flags: UInt8
    var stream: UInt32

    init(length: Int, type: UInt8, flags: UInt8 = 0, stream: UInt32 = 0) {
        self.length = length
        self.type = type
        self.flags = flags
        self.stream = stream
    }

    /// Reads it at `at`; nil: fewer than nine octets are there. The reserved bit is ignored.
    @inline(__always)
    init?(_ input: Span<UInt8>, at: Int) {
        guard input.count &- at >= Self.size else { return nil }
        // Eight octets from `at` and four from `at + 5`: within the nine.
        let first = input.bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self).bigEndian
        length = Int(first &>> 40)
        type = UInt8(truncatingIfNeeded: first &>> 32)
        flags = UInt8(truncatingIfNeeded: first &>> 24)
        stream = Octets.word(input, at &+ 5) & 0x7fff_ffff
    }

    @inline(__always)
    func has(_ flag: UInt8) -> Bool { flags & flag != 0 }

    /// - Parameter writer: has room for nine octets.
    @inline(__always)
    func append(to writer: inout ByteWriter) {
        writer.append(UInt8(truncatingIfNeeded: length &>> 16))
        writer.append(UInt16(truncatingIfNeeded: length))
        writer.append(type)
        writer.append(flags)
        writer.append(stream)
    }
}

/// Numbers in network order.
enum Octets {
    @inline(__always)
    static func word(_ input: Span<UInt8>, _ at: Int) -> UInt32 {
        input.bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt32.self).bigEndian
    }

    @inline(__always)
    static func half(_ input: Span<UInt8>, _ at: Int) -> UInt16 {
        input.bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt16.self).bigEndian
    }
}
