// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Numbers of several processes in memory that all of them have: of each subject one a holder, who alone writes it. The
/// sum over all holders is as fresh as the memory, and what one adds meanwhile may be in it or not.
///
/// Whoever has it can write all of it; its size nobody can change.
public final class SharedCounts: Sendable {
    public let subjects: Int
    public let holders: Int
    private let file: Descriptor
    // Sendable: each access is one atomic load or store, and the mapping lives as long as this does.
    private nonisolated(unsafe) let numbers: UnsafeMutablePointer<Int32>

    /// All 0.
    public convenience init(subjects: Int, holders: Int) throws(EventLoopError) {
        let size = Self.size(subjects, holders)
        try self.init(
            adopting: Descriptor(
                adopting: linux_sized_memory_file("sluice-counts", size), operation: "make", subject: "shared counts"),
            subjects: subjects, holders: holders)
    }

    /// What another process made.
    ///
    /// - Throws: EINVAL where it is of another size, or could still change it.
    public init(adopting file: consuming Descriptor, subjects: Int, holders: Int) throws(EventLoopError) {
        let size = Self.size(subjects, holders)
        var status = stat()
        guard fstat(file.rawValue, &status) == 0 else { throw file.failure("look at") }
        guard Int(status.st_size) == size, linux_is_sealed(file.rawValue) == 1 else {
            throw EventLoopError(operation: "map", subject: "shared counts", errno: EINVAL)
        }
        guard let memory = linux_map_shared(file.rawValue, size) else { throw file.failure("map") }
        (self.subjects, self.holders) = (subjects, holders)
        numbers = memory.bindMemory(to: Int32.self, capacity: subjects * holders)
        self.file = file
    }

    deinit { munmap(numbers, Self.size(subjects, holders)) }

    /// To hand it on.
    public var rawValue: Int32 { file.rawValue }

    /// Those of one subject lie side by side, so that the sum reads few lines of the cache.
    public func set(_ subject: Int, of holder: Int, to value: Int) {
        precondition(subject < subjects && holder < holders)
        linux_store(numbers + (subject * holders + holder), Int32(clamping: value))
    }

    /// Over all holders; what is below 0, as none of them means it, counts nothing.
    public func sum(_ subject: Int) -> Int {
        precondition(subject < subjects)
        var sum = 0
        for holder in 0..<holders { sum += Int(max(0, linux_load(numbers + (subject * holders + holder)))) }
        return sum
    }

    /// What a holder that has ended left.
    public func clear(_ holder: Int) {
        for subject in 0..<subjects { set(subject, of: holder, to: 0) }
    }

    private static func size(_ subjects: Int, _ holders: Int) -> Int {
        subjects * holders * MemoryLayout<Int32>.size
    }
}
