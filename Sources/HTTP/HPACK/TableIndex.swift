// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Finds lines and names in an encoder's dynamic table: two hints by hash for a line, one for a name.
///
/// A hint is the low half of an insertion's number. It may be overwritten or point at an entry that has left: then a
/// line is inserted once more, and nothing worse.
struct TableIndex: ~Copyable {
    private var lines: UnsafeMutablePointer<UInt16>
    private var names: UnsafeMutablePointer<UInt16>
    /// A power of two, twice the table's capacity or more; or 0.
    private var capacity = 0

    init() {
        lines = .allocate(capacity: 0)
        names = .allocate(capacity: 0)
    }

    deinit {
        lines.deallocate()
        names.deallocate()
    }

    /// The age of the entry that equals the line; nil: none was found.
    @inline(__always)
    func age(of line: FieldLine, text: UnsafePointer<UInt8>, in table: borrowing DynamicTable) -> Int? {
        guard table.count > 0 else { return nil }
        let first = age(lines[place(line.hash)], in: table)
        if first < table.count && equals(line, text, table.entry(age: first), table) { return first }
        let second = age(lines[otherPlace(line.hash)], in: table)
        if second < table.count && equals(line, text, table.entry(age: second), table) { return second }
        return nil
    }

    /// The age of an entry with this name.
    @inline(__always)
    func age(
        ofName text: UnsafePointer<UInt8>, _ count: Int, hash: UInt32, in table: borrowing DynamicTable
    ) -> Int? {
        guard table.count > 0 else { return nil }
        let age = age(names[place(hash)], in: table)
        guard age < table.count else { return nil }
        let entry = table.entry(age: age)
        return Int(entry.nameCount) == count && memcmp(table.text(entry), text, count) == 0 ? age : nil
    }

    /// Notes the entry that was inserted last.
    /// - Parameter nameHash: of its name.
    mutating func noteNewest(in table: borrowing DynamicTable, nameHash: UInt32) {
        if capacity < table.capacity * 2 { rebuild(table) }
        let entry = table.entry(age: 0)
        note(table.inserted &- 1, entry.hash, nameHash, in: table)
    }

    @inline(__always)
    private mutating func note(_ number: UInt32, _ hash: UInt32, _ nameHash: UInt32, in table: borrowing DynamicTable) {
        let hint = UInt16(truncatingIfNeeded: number)
        // Instead of the older hint: one whose entry has left is older than any that lives.
        let first = place(hash)
        let second = otherPlace(hash)
        lines[age(lines[first], in: table) >= age(lines[second], in: table) ? first : second] = hint
        names[place(nameHash)] = hint
    }

    private mutating func rebuild(_ table: borrowing DynamicTable) {
        lines.deallocate()
        names.deallocate()
        capacity = table.capacity * 2
        lines = .allocate(capacity: capacity)
        names = .allocate(capacity: capacity)
        // What no entry has claimed points before the oldest one, and stays there.
        let none = UInt16(truncatingIfNeeded: table.inserted &- 1 &- UInt32(table.count))
        lines.initialize(repeating: none, count: capacity)
        names.initialize(repeating: none, count: capacity)
        for age in stride(from: table.count - 1, through: 0, by: -1) {
            let entry = table.entry(age: age)
            let nameHash = FieldHash.hash(table.text(entry), Int(entry.nameCount))
            note(table.inserted &- 1 &- UInt32(age), entry.hash, nameHash, in: table)
        }
    }

    /// Below the capacity, for a table that is not empty has been noted.
    @inline(__always)
    private func place(_ hash: UInt32) -> Int { Int(hash) & (capacity &- 1) }

    @inline(__always)
    private func otherPlace(_ hash: UInt32) -> Int { Int(hash &>> 16 ^ hash &<< 3) & (capacity &- 1) }

    /// How many came after the one that the hint means; a hint of one that has left gives `count` or more.
    @inline(__always)
    private func age(_ hint: UInt16, in table: borrowing DynamicTable) -> Int {
        Int(UInt16(truncatingIfNeeded: table.inserted &- 1) &- hint)
    }

    @inline(__always)
    private func equals(
        _ line: FieldLine, _ text: UnsafePointer<UInt8>, _ entry: DynamicTable.Entry, _ table: borrowing DynamicTable
    ) -> Bool {
        entry.hash == line.hash && UInt32(entry.nameCount) == line.nameCount
            && UInt32(entry.valueCount) == line.valueCount
            && memcmp(table.text(entry), text, entry.textCount) == 0
    }
}
