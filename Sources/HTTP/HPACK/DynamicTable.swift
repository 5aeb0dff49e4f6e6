// SPDX-License-Identifier: Apache-2.0

import Glibc

/// HPACK's dynamic table (RFC 7541, 2.3.2 and 4): entries leave in the order in which they came.
///
/// The entries' bytes lie one behind the other in memory that is up to twice as large; when its end is reached, what
/// lives moves to the front. So an entry is never split, and each byte moves at most once for each that is inserted.
/// Memory is taken as it is needed: a connection that never indexes anything holds next to none.
struct DynamicTable: ~Copyable {
    struct Entry: BitwiseCopyable {
        /// Counted from the first byte ever inserted, modulo 2^32.
        var start: UInt32
        var nameCount: UInt16
        var valueCount: UInt16
        /// Of the whole line.
        var hash: UInt32
        var name: FieldName
        var faults: FieldLine.Faults

        @inline(__always) var textCount: Int { Int(nameCount) &+ Int(valueCount) }
        @inline(__always) var size: Int { textCount &+ FieldLine.overhead }
    }

    /// No table is larger, so that lengths fit 16 bits.
    static let largest = 65_535

    /// The size that entries may add up to.
    private(set) var maximum: Int
    private(set) var size = 0
    private(set) var count = 0
    /// How many were ever inserted, modulo 2^32.
    private(set) var inserted: UInt32 = 0

    /// A ring; its capacity is a power of two or 0.
    private var entries: UnsafeMutablePointer<Entry>
    private(set) var capacity = 0
    private var bytes: UnsafeMutablePointer<UInt8>
    private var byteCapacity = 0
    /// What the first byte of the memory counts as.
    private var base: UInt32 = 0
    /// Bytes in use, the dead ones at the front included.
    private var end = 0

    init(maximum: Int) {
        self.maximum = min(maximum, Self.largest)
        entries = .allocate(capacity: 0)
        bytes = .allocate(capacity: 0)
    }

    deinit {
        entries.deallocate()
        bytes.deallocate()
    }

    /// - Parameter age: 0 is the newest; below `count`.
    @inline(__always)
    func entry(age: Int) -> Entry {
        precondition(age >= 0 && age < count)
        return entries[place(age)]
    }

    /// Name and value in one; valid until the table changes.
    @inline(__always)
    func text(_ entry: Entry) -> UnsafePointer<UInt8> {
        let at = Int(entry.start &- base)
        precondition(at &+ entry.textCount <= end)
        return UnsafePointer(bytes + at)
    }

    /// RFC 7541, 4.3.
    mutating func setMaximum(_ size: Int) {
        maximum = min(size, Self.largest)
        evict(toFit: 0)
    }

    mutating func removeAll() {
        count = 0
        size = 0
        end = 0
    }

    /// RFC 7541, 4.4: makes room first; what is larger than the table empties it. Whether the line is in the table now.
    ///
    /// - Parameter text: name and value, outside of the table's memory.
    mutating func insert(_ line: FieldLine, text: UnsafePointer<UInt8>) -> Bool {
        guard line.size <= maximum else {
            removeAll()
            return false
        }
        evict(toFit: line.size)
        let number = Int(line.nameCount) &+ Int(line.valueCount)
        makeRoom(for: number)
        memcpy(bytes + end, text, number)
        // Both counts are below `largest`, as the line's size is.
        let entry = Entry(
            start: base &+ UInt32(truncatingIfNeeded: end), nameCount: UInt16(truncatingIfNeeded: line.nameCount),
            valueCount: UInt16(truncatingIfNeeded: line.valueCount), hash: line.hash, name: line.name,
            faults: line.faults)
        entries[Int(inserted) & (capacity &- 1)] = entry
        end &+= number
        inserted &+= 1
        count &+= 1
        size &+= line.size
        return true
    }

    @inline(__always)
    private func place(_ age: Int) -> Int { Int(inserted &- 1 &- UInt32(truncatingIfNeeded: age)) & (capacity &- 1) }

    @inline(__always)
    private mutating func evict(toFit number: Int) {
        while count > 0 && size &+ number > maximum {
            size &-= entries[place(count &- 1)].size
            count &-= 1
        }
    }

    /// A place for an entry and `number` bytes at `end`.
    @inline(__always)
    private mutating func makeRoom(for number: Int) {
        if count == capacity { growEntries() }
        if end &+ number > byteCapacity { moveBytes(toFit: number) }
    }

    private mutating func growEntries() {
        let larger = max(16, capacity * 2)
        let fresh = UnsafeMutablePointer<Entry>.allocate(capacity: larger)
        for age in 0..<count {
            let number = Int(inserted &- 1 &- UInt32(age))
            fresh[number & (larger - 1)] = entries[number & (capacity - 1)]
        }
        entries.deallocate()
        entries = fresh
        capacity = larger
    }

    /// Moves what lives to the front, of larger memory if half of it would be too little.
    private mutating func moveBytes(toFit number: Int) {
        let live = size - count * FieldLine.overhead
        let dead = end - live
        if (live + number) * 2 <= byteCapacity {
            memmove(bytes, bytes + dead, live)
        } else {
            var larger = max(256, byteCapacity)
            while larger < (live + number) * 2 { larger *= 2 }
            let fresh = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
            memcpy(fresh, bytes + dead, live)
            bytes.deallocate()
            bytes = fresh
            byteCapacity = larger
        }
        base &+= UInt32(truncatingIfNeeded: dead)
        end = live
    }
}
