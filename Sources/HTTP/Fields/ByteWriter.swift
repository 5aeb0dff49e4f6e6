// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A place in a buffer that somebody else owns, and how much of it is written.
///
/// It never grows and never writes beyond its end: whoever encodes asks for room first, so nothing is allocated on a
/// request's way, and a writer that is too full shows before anything was written.
struct ByteWriter {
    private let base: UnsafeMutablePointer<UInt8>
    let capacity: Int
    private(set) var count = 0

    /// - Parameter base: `capacity` bytes that outlive the writer and that nobody else writes meanwhile.
    init(_ base: UnsafeMutablePointer<UInt8>, capacity: Int) {
        self.base = base
        self.capacity = capacity
    }

    @inline(__always)
    var room: Int { capacity &- count }

    /// What is written, valid while the buffer is.
    var written: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: base, count: count) }

    /// Forgets what was written.
    mutating func clear() { count = 0 }

    /// Takes back what was written after `count`.
    mutating func rewind(to earlier: Int) {
        precondition(earlier >= 0 && earlier <= count)
        count = earlier
    }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        precondition(count < capacity)
        base[count] = byte
        count &+= 1
    }

    @inline(__always)
    mutating func append(_ bytes: UnsafePointer<UInt8>, _ number: Int) {
        precondition(number >= 0 && number <= room)
        memcpy(base + count, bytes, number)
        count &+= number
    }

    @inline(__always)
    mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let start = bytes.baseAddress else { return }
        append(start, bytes.count)
    }

    @inline(__always)
    mutating func append(_ text: StaticString) { append(text.utf8Start, text.utf8CodeUnitCount) }

    mutating func append(_ bytes: Span<UInt8>) { bytes.withUnsafeBufferPointer { append($0) } }

    /// Network order.
    @inline(__always)
    mutating func append(_ word: UInt16) { store(word.bigEndian) }

    /// Network order.
    @inline(__always)
    mutating func append(_ word: UInt32) { store(word.bigEndian) }

    /// Digits, ten at most for what fits 32 bits, nineteen for what fits 63.
    mutating func append(decimal number: Int) {
        var digits: UInt64 = 1
        while digits <= UInt64(number) / 10 { digits &*= 10 }
        var rest = UInt64(number)
        while digits > 0 {
            append(UInt8(truncatingIfNeeded: 0x30 &+ rest / digits))
            rest %= digits
            digits /= 10
        }
    }

    /// Changes what is written already.
    @inline(__always)
    mutating func patch(_ byte: UInt8, at place: Int) {
        precondition(place >= 0 && place < count)
        base[place] = byte
    }

    /// Moves what is written already, within what is written.
    mutating func move(from place: Int, to other: Int, _ number: Int) {
        precondition(number >= 0 && min(place, other) >= 0 && max(place, other) + number <= count)
        memmove(base + other, base + place, number)
    }

    /// A writer over what this one has written, from `place` on.
    func revised(at place: Int) -> ByteWriter {
        precondition(place >= 0 && place <= count)
        return ByteWriter(base + place, capacity: count - place)
    }

    /// Where the next byte goes, and how many may.
    @inline(__always)
    var tail: UnsafeMutableBufferPointer<UInt8> { UnsafeMutableBufferPointer(start: base + count, count: room) }

    /// Counts what was written to `tail`.
    @inline(__always)
    mutating func advance(_ number: Int) {
        precondition(number >= 0 && number <= room)
        count &+= number
    }

    @inline(__always)
    private mutating func store<Word: BitwiseCopyable>(_ word: Word) {
        precondition(MemoryLayout<Word>.size <= room)
        UnsafeMutableRawPointer(base + count).storeBytes(of: word, as: Word.self)
        count &+= MemoryLayout<Word>.size
    }
}
