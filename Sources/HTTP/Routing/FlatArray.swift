// SPDX-License-Identifier: Apache-2.0

/// Elements in one piece of memory that never changes: read without a reference count, within bounds.
struct FlatArray<Element: BitwiseCopyable>: ~Copyable {
    private let base: UnsafeMutablePointer<Element>
    let count: Int

    init(_ elements: [Element]) {
        count = elements.count
        base = .allocate(capacity: elements.count)
        for (index, element) in elements.enumerated() { base[index] = element }
    }

    deinit { base.deallocate() }

    @inline(__always)
    subscript(index: Int) -> Element {
        precondition(index >= 0 && index < count)
        return base[index]
    }

    /// Valid as long as the array lives.
    @inline(__always)
    func slice(_ start: Int, _ number: Int) -> UnsafeBufferPointer<Element> {
        precondition(start >= 0 && number >= 0 && start &+ number <= count)
        return UnsafeBufferPointer(start: base + start, count: number)
    }
}
