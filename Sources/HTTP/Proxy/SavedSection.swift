// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A section kept for later: a request that waits for a connection or may be sent again, trailers behind content.
struct SavedSection: BitwiseCopyable {
    private var memory: UnsafeMutableRawPointer?
    private var capacity = 0
    private(set) var isKept = false
    /// What is kept for the next head, so that most exchanges never ask the allocator.
    private static let usual = 2048

    mutating func keep(_ section: borrowing FieldSection) {
        let needed = section.savedBytes
        if needed > capacity {
            memory?.deallocate()
            capacity = max(needed, Self.usual)
            memory = .allocate(byteCount: capacity, alignment: 16)
        }
        if let memory { section.save(to: memory) }
        isKept = memory != nil
    }

    func restore(to section: inout FieldSection) {
        if isKept, let memory { section.restore(from: memory) }
    }

    /// Forgets it; memory of the usual size stays for the next one.
    mutating func forget() {
        isKept = false
        if capacity > Self.usual { release() }
    }

    mutating func release() {
        memory?.deallocate()
        memory = nil
        capacity = 0
        isKept = false
    }
}

/// What goes before the records and bytes of a saved section.
private struct SavedCounts: BitwiseCopyable {
    var lines: Int
    var used: Int
    var size: Int
}

extension FieldSection {
    /// Octets that `save` writes.
    var savedBytes: Int {
        MemoryLayout<SavedCounts>.stride &+ count &* MemoryLayout<FieldLine>.stride &+ used
    }

    /// - Parameter memory: `savedBytes` of them, aligned as a word.
    func save(to memory: UnsafeMutableRawPointer) {
        memory.storeBytes(of: SavedCounts(lines: count, used: used, size: size), as: SavedCounts.self)
        let lines = memory + MemoryLayout<SavedCounts>.stride
        let octets = count &* MemoryLayout<FieldLine>.stride
        let contents = contents
        memcpy(lines, contents.lines, octets)
        memcpy(lines + octets, contents.bytes, used)
    }

    /// - Parameter memory: what `save` of a section with the same limits wrote.
    mutating func restore(from memory: UnsafeRawPointer) {
        let counts = memory.load(as: SavedCounts.self)
        let lines = memory + MemoryLayout<SavedCounts>.stride
        refill(
            lines: lines, counts.lines, bytes: lines + counts.lines &* MemoryLayout<FieldLine>.stride, counts.used,
            size: counts.size)
    }
}
