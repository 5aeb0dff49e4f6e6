// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// An empty pipe for splice(2); both ends close with it.
public struct Pipe: ~Copyable {
    public let readEnd: Descriptor
    public let writeEnd: Descriptor
    /// Bytes that it holds at most; fewer where they come in small pieces.
    public let room: Int
}

/// Pipes that are used again while they are empty. For one thread.
public struct PipePool: ~Copyable {
    /// Pipes at most, given out and idle together.
    public let limit: Int
    public private(set) var used = 0
    private let room: Int
    private let idle: UnsafeMutablePointer<Pipe>
    private var idleCount = 0

    /// - Parameter room: of each pipe, bytes; the kernel may give less.
    public init(limit: Int, room: Int) {
        self.limit = limit
        self.room = room
        idle = .allocate(capacity: max(limit, 1))
    }

    deinit {
        idle.deinitialize(count: idleCount)
        idle.deallocate()
    }

    /// Nil where the limit is reached, or the process has no descriptors left for it.
    public mutating func take() -> Pipe? {
        guard used < limit else { return nil }
        used += 1
        if idleCount > 0 {
            idleCount -= 1
            return (idle + idleCount).move()
        }
        var ends: (Int32, Int32) = (-1, -1)
        let size = withUnsafeMutablePointer(to: &ends) {
            $0.withMemoryRebound(to: Int32.self, capacity: 2) { linux_pipe_open($0, Int32(room)) }
        }
        guard size > 0 else {
            used -= 1
            return nil
        }
        return Pipe(readEnd: Descriptor(adopting: ends.0), writeEnd: Descriptor(adopting: ends.1), room: Int(size))
    }

    /// - Parameter isEmpty: false closes it: what it still holds belongs to nobody else.
    public mutating func giveBack(_ pipe: consuming Pipe, isEmpty: Bool) {
        used -= 1
        // In bounds: idle and used ones together are no more than the limit.
        guard isEmpty, idleCount < limit else { return }
        (idle + idleCount).initialize(to: pipe)
        idleCount += 1
    }
}
