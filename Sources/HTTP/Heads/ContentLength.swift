// SPDX-License-Identifier: Apache-2.0

/// The number of a Content-Length field.
enum ContentLength {
    /// Stands for 'not said'.
    static let none: Int64 = -1

    /// Digits alone, below 2^62 (RFC 9110, 8.6): no sign, no blank, no list; nil: something else.
    @inline(__always)
    static func parse(_ bytes: UnsafeBufferPointer<UInt8>) -> Int64? {
        // Eighteen digits are below 2^62.
        guard bytes.count > 0 && bytes.count <= 18 else { return nil }
        var value: Int64 = 0
        for byte in bytes {
            let digit = byte &- 0x30
            guard digit < 10 else { return nil }
            value = value &* 10 &+ Int64(digit)
        }
        return value
    }
}
