// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Comparing the bytes of names and values.
enum FieldText {
    @inline(__always)
    static func equal(_ bytes: UnsafeBufferPointer<UInt8>, _ text: StaticString) -> Bool {
        bytes.count == text.utf8CodeUnitCount && equal(bytes, text.utf8Start)
    }

    @inline(__always)
    static func equal(_ one: UnsafeBufferPointer<UInt8>, _ other: UnsafeBufferPointer<UInt8>) -> Bool {
        guard one.count == other.count else { return false }
        guard let start = other.baseAddress else { return true }
        return equal(one, start)
    }

    /// - Parameter text: in lower case.
    @inline(__always)
    static func equalIgnoringCase(_ bytes: UnsafeBufferPointer<UInt8>, _ text: StaticString) -> Bool {
        guard bytes.count == text.utf8CodeUnitCount else { return false }
        for index in 0..<bytes.count where lower(bytes[index]) != text.utf8Start[index] { return false }
        return true
    }

    static func equalIgnoringCase(_ one: UnsafeBufferPointer<UInt8>, _ other: UnsafeBufferPointer<UInt8>) -> Bool {
        guard one.count == other.count else { return false }
        for index in 0..<one.count where lower(one[index]) != lower(other[index]) { return false }
        return true
    }

    /// Of an ASCII letter; another byte is itself.
    @inline(__always)
    static func lower(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

    /// - Parameter start: as many bytes as `bytes` has.
    @inline(__always)
    private static func equal(_ bytes: UnsafeBufferPointer<UInt8>, _ start: UnsafePointer<UInt8>) -> Bool {
        guard let base = bytes.baseAddress else { return true }
        return memcmp(base, start, bytes.count) == 0
    }
}
