// SPDX-License-Identifier: Apache-2.0

/// A quick hash of a few bytes, to find names and table entries by. Collisions cost compression, never truth: what a
/// probe finds is compared byte by byte.
enum FieldHash {
    private static let odd: UInt64 = 0x9e37_79b9_7f4a_7c15

    /// - Parameter bytes: `count` readable bytes; every load below lies within them.
    @inline(__always)
    static func hash(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> UInt32 {
        let raw = UnsafeRawPointer(bytes)
        var state = UInt64(truncatingIfNeeded: count) &* odd
        if count >= 8 {
            var at = 0
            while at &+ 8 < count {
                state = mix(state ^ raw.loadUnaligned(fromByteOffset: at, as: UInt64.self))
                at &+= 8
            }
            // The last eight bytes, overlapping what was read.
            state = mix(state ^ raw.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self))
        } else if count >= 4 {
            let low = UInt64(raw.loadUnaligned(fromByteOffset: 0, as: UInt32.self))
            let high = UInt64(raw.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self))
            state = mix(state ^ (low | high << 32))
        } else if count > 0 {
            let word = UInt64(bytes[0]) | UInt64(bytes[count >> 1]) << 8 | UInt64(bytes[count &- 1]) << 16
            state = mix(state ^ word)
        }
        return UInt32(truncatingIfNeeded: state ^ state >> 32)
    }

    /// Of a line, from the hashes of its name and value.
    @inline(__always)
    static func line(_ name: UInt32, _ value: UInt32) -> UInt32 {
        let state = mix(UInt64(name) << 32 | UInt64(value))
        return UInt32(truncatingIfNeeded: state ^ state >> 32)
    }

    @inline(__always)
    private static func mix(_ word: UInt64) -> UInt64 {
        let product = (word ^ 0x2d35_8dcc_aa6c_78a5).multipliedFullWidth(by: 0x8bb8_4b93_962e_acc9)
        return product.high ^ product.low
    }
}
