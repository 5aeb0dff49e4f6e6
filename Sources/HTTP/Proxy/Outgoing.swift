// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// What a connection has yet to send: a block that is being written, and whole ones before it. A connection that owes
/// nothing holds none.
struct Outgoing {
    /// Of a writer without a block.
    nonisolated(unsafe) private static let nowhere = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)  // never written

    /// Writes the last block; without room where there is none.
    var writer = ByteWriter(Outgoing.nowhere, capacity: 0)
    private var block: Block?
    /// Of the last block, sent already.
    private(set) var sent = 0
    private var fullHead: UnsafeMutablePointer<Block.Header>?
    private var fullTail: UnsafeMutablePointer<Block.Header>?
    /// Whole blocks that wait.
    private(set) var fullCount = 0

    var isEmpty: Bool { fullHead == nil && writer.count == sent }

    /// What goes first; empty: nothing is left.
    @inline(__always)
    var next: UnsafeRawBufferPointer {
        if let fullHead { return UnsafeRawBufferPointer(Block(fullHead).used) }
        return UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(writer.written)[sent...])
    }

    /// Counts what was sent of `next`.
    @inline(__always)
    mutating func advance(_ number: Int, _ pool: UnsafeMutablePointer<BufferPool>) {
        guard let first = fullHead else {
            sent &+= number
            precondition(sent <= writer.count)
            return
        }
        first.pointee.begin &+= number
        guard first.pointee.begin == first.pointee.end else { return }
        fullHead = first.pointee.next
        if fullHead == nil { fullTail = nil }
        fullCount &-= 1
        Block(first).giveBack(to: pool)
    }

    /// All is sent: the block's room is free again.
    @inline(__always)
    mutating func rewind() {
        writer.clear()
        sent = 0
    }

    /// Goes on in a fresh block; false: there is none.
    mutating func rotate(_ pool: UnsafeMutablePointer<BufferPool>) -> Bool {
        if block != nil && writer.count == sent {
            rewind()
            return true
        }
        guard let fresh = Block.take(from: pool) else { return false }
        if let old = block {
            old.header.pointee.begin = sent
            old.header.pointee.end = writer.count
            old.header.pointee.next = nil
            if let fullTail { fullTail.pointee.next = old.header } else { fullHead = old.header }
            fullTail = old.header
            fullCount &+= 1
        }
        block = fresh
        sent = 0
        writer = ByteWriter(fresh.bytes, capacity: pool.pointee.size &- Block.headerBytes)
        return true
    }

    /// Holds nothing any more, sent or not.
    mutating func release(_ pool: UnsafeMutablePointer<BufferPool>) {
        while let first = fullHead {
            fullHead = first.pointee.next
            Block(first).giveBack(to: pool)
        }
        fullTail = nil
        fullCount = 0
        if let block { block.giveBack(to: pool) }
        block = nil
        sent = 0
        writer = ByteWriter(Outgoing.nowhere, capacity: 0)
    }
}
