// SPDX-License-Identifier: Apache-2.0

/// Which bytes names and values may have, in both protocols the same.
enum FieldRules {
    /// RFC 9113, 8.2.1: a lower-case token. A known name is one; a colon begins no unknown one.
    @inline(__always)
    static func isName(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        for index in 0..<count where !ByteSet.lowerToken.contains(bytes[index]) { return false }
        return count > 0
    }

    /// RFC 9110, 5.5 and RFC 9113, 8.2.1: no control character but the tab, no white space at the ends.
    ///
    /// Eight bytes at a time: a byte below 0x20 borrows in the first subtraction, 0x7f becomes zero by the exclusive or.
    /// - Parameter bytes: `count` readable bytes; every load lies within them.
    @inline(__always)
    static func isValue(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        guard count > 0 else { return true }
        guard !isBlank(bytes[0]) && !isBlank(bytes[count &- 1]) else { return false }
        let raw = UnsafeRawPointer(bytes)
        var at = 0
        while at &+ 8 <= count {
            if hasControl(raw.loadUnaligned(fromByteOffset: at, as: UInt64.self)) {
                for index in at..<(at &+ 8) where isControl(bytes[index]) { return false }
            }
            at &+= 8
        }
        while at < count {
            if isControl(bytes[at]) { return false }
            at &+= 1
        }
        return true
    }

    @inline(__always)
    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    /// A control character that no value may have: all but the tab.
    @inline(__always)
    static func isControl(_ byte: UInt8) -> Bool { byte < 0x20 && byte != 0x09 || byte == 0x7f }

    /// Whether one of eight bytes may be a control character, the tab too; never misses one.
    @inline(__always)
    private static func hasControl(_ word: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let delete = word ^ (ones &* 0x7f)
        return (((word &- ones &* 0x20) & ~word) | ((delete &- ones) & ~delete)) & (ones &* 0x80) != 0
    }
}
