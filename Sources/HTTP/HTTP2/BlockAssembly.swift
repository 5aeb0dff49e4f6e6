// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A field block that comes in several frames (RFC 9113, 4.3), put together within bounds.
///
/// Memory is held only while a block is under way: hardly any peer sends CONTINUATION.
struct BlockAssembly: ~Copyable {
    /// 0: none is under way.
    private(set) var stream: UInt32 = 0
    private(set) var endsStream = false
    private(set) var dependsOnItself = false
    private var bytes: UnsafeMutablePointer<UInt8>
    private var capacity = 0
    private(set) var count = 0
    private var frames = 0

    init() { bytes = .allocate(capacity: 0) }

    deinit { bytes.deallocate() }

    var isActive: Bool { stream != 0 }

    mutating func begin(_ stream: UInt32, endsStream: Bool, dependsOnItself: Bool) {
        self.stream = stream
        self.endsStream = endsStream
        self.dependsOnItself = dependsOnItself
        count = 0
        frames = 0
    }

    /// Counts a CONTINUATION frame.
    mutating func countFrame(_ limits: AbuseLimits) throws(Fault) {
        frames += 1
        guard frames <= limits.continuations else { throw .abuse(.continuations) }
    }

    mutating func append(_ fragment: Span<UInt8>, _ limits: AbuseLimits) throws(Fault) {
        guard count + fragment.count <= limits.headBytes else { throw .abuse(.headBytes) }
        reserve(count + fragment.count)
        let end = bytes + count
        fragment.withUnsafeBufferPointer { source in
            if let start = source.baseAddress { memcpy(end, start, source.count) }
        }
        count += fragment.count
    }

    /// The whole block; valid until `finish`.
    var block: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: bytes, count: count) }

    mutating func finish() {
        bytes.deallocate()
        bytes = .allocate(capacity: 0)
        capacity = 0
        count = 0
        stream = 0
    }

    private mutating func reserve(_ needed: Int) {
        guard needed > capacity else { return }
        let larger = max(needed, capacity * 2, 4096)
        let fresh = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        memcpy(fresh, bytes, count)
        bytes.deallocate()
        bytes = fresh
        capacity = larger
    }
}
