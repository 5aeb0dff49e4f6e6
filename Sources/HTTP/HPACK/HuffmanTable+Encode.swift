// SPDX-License-Identifier: Apache-2.0

extension HuffmanTable {
    /// Octets that these bytes take.
    @inline(__always)
    func encodedCount(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        var bits: UInt64 = 0
        // A byte is an index below 257.
        for byte in bytes { bits &+= codes[Int(byte)] &>> 32 }
        return Int(bits &+ 7) &>> 3
    }

    /// - Parameter writer: has room for `encodedCount` octets.
    func encode(_ bytes: UnsafeBufferPointer<UInt8>, to writer: inout ByteWriter) {
        var window: UInt64 = 0
        var bits: UInt64 = 0
        for byte in bytes {
            let code = codes[Int(byte)]
            let length = code &>> 32
            // At most 31 bits wait and a code has at most 30.
            window = window &<< length | (code & 0xffff_ffff)
            bits &+= length
            if bits >= 32 {
                bits &-= 32
                writer.append(UInt32(truncatingIfNeeded: window &>> bits))
            }
        }
        while bits >= 8 {
            bits &-= 8
            writer.append(UInt8(truncatingIfNeeded: window &>> bits))
        }
        guard bits > 0 else { return }
        // Padding is the beginning of the end of a string: ones.
        writer.append(UInt8(truncatingIfNeeded: window &<< (8 &- bits) | 0xff &>> bits))
    }
}
