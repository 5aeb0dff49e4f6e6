// SPDX-License-Identifier: Apache-2.0

/// A set of ASCII characters as two words: a test is a shift, and no table is read.
struct ByteSet: Sendable {
    let low: UInt64
    let high: UInt64

    @inline(__always)
    func contains(_ byte: UInt8) -> Bool {
        byte < 128 && (byte < 64 ? low : high) >> UInt64(byte & 63) & 1 == 1
    }

    /// RFC 9110, 5.6.2: `!#$%&'*+-.^_|~`, digits and letters, and the backquote.
    static let token = ByteSet(low: 0x03ff_6cfa_0000_0000, high: 0x57ff_ffff_c7ff_fffe)
    /// The same without upper case (RFC 9113, 8.2.1).
    static let lowerToken = ByteSet(low: 0x03ff_6cfa_0000_0000, high: 0x57ff_ffff_c000_0000)
    /// RFC 3986, 3.1, in lower case: what a scheme is made of.
    static let scheme = ByteSet(low: 0x03ff_6800_0000_0000, high: 0x07ff_fffe_0000_0000)
    /// RFC 3986, 3.2 without user information: what `host[:port]` is made of, brackets and percent signs included.
    static let authority = ByteSet(low: 0x2fff_7ff2_0000_0000, high: 0x47ff_fffe_afff_fffe)
}
