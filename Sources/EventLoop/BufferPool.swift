// SPDX-License-Identifier: Apache-2.0

/// Buffers of one size, given out and taken back without asking the allocator: it is asked for a slab of them when none
/// is left, and not beyond a limit, which makes memory a bounded thing.
///
/// For one thread. What was given out must come back before the pool goes.
public struct BufferPool: ~Copyable {
    /// A buffer that is somebody's.
    public struct Buffer: Hashable {
        public let start: UnsafeMutableRawPointer

        /// Known again by its address, where its owner keeps no more than that.
        public init(start: UnsafeMutableRawPointer) { self.start = start }
    }

    /// Of each buffer, bytes.
    public let size: Int
    /// Buffers at most.
    public let limit: Int
    /// Given out now.
    public private(set) var used = 0
    private let slab: Int
    private var slabs: [UnsafeMutableRawPointer] = []
    private var free: [UnsafeMutableRawPointer] = []

    /// - Parameter slab: how many buffers the allocator is asked for at once.
    public init(size: Int, limit: Int, slab: Int = 16) {
        self.size = size
        self.limit = limit
        self.slab = slab
    }

    deinit { for slab in slabs { slab.deallocate() } }

    public var isExhausted: Bool { used == limit }

    /// Nil where the limit is reached.
    public mutating func take() -> Buffer? {
        if used == limit { return nil }
        if free.isEmpty { grow() }
        used += 1
        return free.popLast().map { Buffer(start: $0) }
    }

    public mutating func giveBack(_ buffer: consuming Buffer) {
        used -= 1
        // Room for all is made when a slab is.
        free.append(buffer.start)
    }

    /// The bytes of a buffer of this pool.
    public func bytes(of buffer: Buffer) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: buffer.start, count: size)
    }

    private mutating func grow() {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: size * slab, alignment: 64)
        slabs.append(memory)
        free.reserveCapacity(slabs.count * slab)
        for index in (0..<slab).reversed() { free.append(memory + index * size) }
    }
}
