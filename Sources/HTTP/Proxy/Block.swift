// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc

/// A pooled buffer with its links in front of its bytes, so that queues of them need no memory of their own.
struct Block: BitwiseCopyable {
    struct Header: BitwiseCopyable {
        var next: UnsafeMutablePointer<Header>?
        /// Of the bytes in use, counted from the header's end.
        var begin: Int
        var end: Int
    }

    static let headerBytes = 32

    let header: UnsafeMutablePointer<Header>

    init(_ header: UnsafeMutablePointer<Header>) { self.header = header }

    /// Nil where the pool is exhausted.
    @inline(__always)
    static func take(from pool: UnsafeMutablePointer<BufferPool>) -> Block? {
        guard let buffer = pool.pointee.take() else { return nil }
        let header = buffer.start.bindMemory(to: Header.self, capacity: 1)
        header.initialize(to: Header(next: nil, begin: 0, end: 0))
        return Block(header)
    }

    @inline(__always)
    func giveBack(to pool: UnsafeMutablePointer<BufferPool>) {
        pool.pointee.giveBack(BufferPool.Buffer(start: UnsafeMutableRawPointer(header)))
    }

    /// As many as the pool's buffers have less `headerBytes`.
    @inline(__always)
    var bytes: UnsafeMutablePointer<UInt8> {
        (UnsafeMutableRawPointer(header) + Self.headerBytes).assumingMemoryBound(to: UInt8.self)
    }

    @inline(__always)
    var used: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: bytes + header.pointee.begin, count: header.pointee.end &- header.pointee.begin)
    }
}

/// Bytes in blocks of one pool, first in, first out: content that its receiver does not take yet.
struct ByteQueue: BitwiseCopyable {
    private var head: UnsafeMutablePointer<Block.Header>?
    private var tail: UnsafeMutablePointer<Block.Header>?
    private(set) var count = 0

    @inline(__always)
    var isEmpty: Bool { count == 0 }

    /// The first bytes, as far as they lie together; valid until the queue changes.
    var first: UnsafeBufferPointer<UInt8> {
        guard let head else { return UnsafeBufferPointer(start: nil, count: 0) }
        return Block(head).used
    }

    /// False: the pool is exhausted, and part of the bytes may be in the queue.
    mutating func append(_ bytes: UnsafeBufferPointer<UInt8>, _ pool: UnsafeMutablePointer<BufferPool>) -> Bool {
        let size = pool.pointee.size &- Block.headerBytes
        var at = 0
        while at < bytes.count {
            if tail.map({ $0.pointee.end == size }) ?? true {
                guard let fresh = Block.take(from: pool) else { return false }
                if let tail { tail.pointee.next = fresh.header } else { head = fresh.header }
                tail = fresh.header
            }
            guard let tail, let start = bytes.baseAddress else { return false }
            let number = min(size &- tail.pointee.end, bytes.count &- at)
            memcpy(Block(tail).bytes + tail.pointee.end, start + at, number)
            tail.pointee.end &+= number
            count &+= number
            at &+= number
        }
        return true
    }

    /// Takes out as many of the first bytes, no more than `first` has.
    mutating func drop(_ number: Int, _ pool: UnsafeMutablePointer<BufferPool>) {
        guard let first = head else { return }
        precondition(number <= first.pointee.end &- first.pointee.begin)
        first.pointee.begin &+= number
        count &-= number
        guard first.pointee.begin == first.pointee.end else { return }
        head = first.pointee.next
        if head == nil { tail = nil }
        Block(first).giveBack(to: pool)
    }

    mutating func removeAll(_ pool: UnsafeMutablePointer<BufferPool>) {
        while let first = head {
            head = first.pointee.next
            Block(first).giveBack(to: pool)
        }
        tail = nil
        count = 0
    }
}
