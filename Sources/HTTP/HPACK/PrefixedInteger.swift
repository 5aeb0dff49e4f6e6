// SPDX-License-Identifier: Apache-2.0

/// HPACK's integers (RFC 7541, 5.1).
enum PrefixedInteger {
    /// Octets of the longest we write: the first one, and five for 32 bits.
    static let longest = 6

    /// Reads the integer whose first octet, with `bits` of it, lies at `at`; leaves `at` behind it.
    @inline(__always)
    static func read(_ block: Span<UInt8>, _ at: inout Int, bits: Int) throws(HPACKError) -> Int {
        guard at < block.count else { throw .truncated }
        let mask = 1 &<< bits &- 1
        let first = Int(block[at]) & mask
        at &+= 1
        return first < mask ? first : try rest(block, &at, first)
    }

    private static func rest(_ block: Span<UInt8>, _ at: inout Int, _ first: Int) throws(HPACKError) -> Int {
        var value = first
        var shift = 0
        while shift <= 28 {
            guard at < block.count else { throw .truncated }
            let octet = Int(block[at])
            at &+= 1
            value &+= (octet & 0x7f) &<< shift
            if octet < 0x80 {
                guard value <= Int(UInt32.max) else { throw .integerTooLarge }
                return value
            }
            shift &+= 7
        }
        throw .integerTooLarge
    }

    /// - Parameter pattern: the bits of the first octet above the integer's.
    @inline(__always)
    static func write(_ value: Int, bits: Int, pattern: UInt8, to writer: inout ByteWriter) {
        let mask = 1 &<< bits &- 1
        if value < mask {
            writer.append(pattern | UInt8(truncatingIfNeeded: value))
            return
        }
        writer.append(pattern | UInt8(truncatingIfNeeded: mask))
        var rest = value &- mask
        while rest >= 0x80 {
            writer.append(UInt8(truncatingIfNeeded: rest | 0x80))
            rest &>>= 7
        }
        writer.append(UInt8(truncatingIfNeeded: rest))
    }
}
