// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import Testing

struct SharedCountTests {
    /// What two processes have of one memory.
    private static func pair() throws -> (SharedCounts, SharedCounts) {
        let one = try SharedCounts(subjects: 3, holders: 4)
        return (one, try SharedCounts(adopting: Descriptor(adopting: dup(one.rawValue)), subjects: 3, holders: 4))
    }

    @Test func `what one holder has another adds up`() throws {
        let (one, other) = try Self.pair()
        one.set(2, of: 0, to: 5)
        other.set(2, of: 3, to: 7)
        other.set(1, of: 3, to: 100)
        #expect(one.sum(2) == 12)
    }

    @Test func `what an ended holder left is cleared, and no other's`() throws {
        let (one, other) = try Self.pair()
        one.set(2, of: 0, to: 5)
        other.set(2, of: 3, to: 7)
        one.clear(3)
        #expect(other.sum(2) == 5)
    }

    @Test func `a count below zero lets nobody have more`() throws {
        let (one, other) = try Self.pair()
        one.set(0, of: 0, to: 5)
        other.set(0, of: 1, to: -100)
        #expect(one.sum(0) == 5)
    }

    @Test func `nobody can make the memory smaller under the others`() throws {
        let (one, _) = try Self.pair()
        #expect(ftruncate(one.rawValue, 0) == -1 && errno == EPERM)
    }

    @Test func `memory of another size, or that can shrink, is refused`() throws {
        let one = try SharedCounts(subjects: 3, holders: 4)
        #expect(throws: EventLoopError.self) {
            try SharedCounts(adopting: Descriptor(adopting: dup(one.rawValue)), subjects: 3, holders: 5)
        }
        #expect(throws: EventLoopError.self) {
            let file = try Descriptor.memory("plain", holding: [UInt8](repeating: 0, count: 48))
            _ = try SharedCounts(adopting: file, subjects: 3, holders: 4)
        }
    }
}
