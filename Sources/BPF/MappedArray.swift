// SPDX-License-Identifier: Apache-2.0

import CBPF
import Glibc

/// An array map's memory in this process: what is stored here, the kernel's programs read at once, and the reverse.
///
/// An element may be read while a program writes it. Whoever writes what programs read uses `store32` or `store64`,
/// which are single aligned stores; the other ways of writing are for elements that nothing reads yet.
// The base address never changes, and what lies behind it is shared with the kernel: no owner in this process could
// make reads of it exclusive. Words are stored and loaded atomically.
public final class MappedArray<Element: BitwiseCopyable>: @unchecked Sendable {
    public let count: Int
    /// Bytes from one element to the next: the value's size, rounded up to 8.
    public let stride: Int
    public let base: UnsafeMutableRawPointer
    private let length: Int

    init(mapping map: Map) throws(BPFError) {
        guard MemoryLayout<Element>.size == map.valueSize else {
            throw BPFError(
                operation: "map", subject: "map \(map.name)",
                cause: "\(Element.self) has \(MemoryLayout<Element>.size) bytes, its values have \(map.valueSize)")
        }
        guard map.type == .array && map.flags.contains(.mappable) else {
            throw BPFError(operation: "map", subject: "map \(map.name)", cause: "not a mappable array")
        }
        count = map.maxEntries
        stride = Map.roundedUp(map.valueSize)
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        length = (stride * count + page - 1) / page * page
        let address = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED, map.descriptor, 0)
        guard let address, address != MAP_FAILED else { throw BPFError("map", "map \(map.name)", code: errno) }
        base = address
    }

    deinit {
        munmap(base, length)
    }

    /// A copy of an element, or a plain copy into it. `index` must be less than `count`.
    @inlinable public subscript(index: Int) -> Element {
        get {
            address(of: index, offset: 0, size: MemoryLayout<Element>.size).loadUnaligned(as: Element.self)
        }
        set {
            address(of: index, offset: 0, size: MemoryLayout<Element>.size)
                .storeBytes(of: newValue, as: Element.self)
        }
    }

    /// Stores one word of an element in one piece, after all that was stored before it.
    ///
    /// `offset` counts bytes from the element's start, is a multiple of 4 and lies within it.
    @inlinable public func store32(_ value: UInt32, element index: Int, offset: Int) {
        precondition(offset & 3 == 0, "an aligned word")
        cbpf_store32(address(of: index, offset: offset, size: 4), value)
    }

    /// Stores 8 bytes of an element in one piece, after all that was stored before; `offset` is a multiple of 8.
    @inlinable public func store64(_ value: UInt64, element index: Int, offset: Int) {
        precondition(offset & 7 == 0, "an aligned word")
        cbpf_store64(address(of: index, offset: offset, size: 8), value)
    }

    /// Loads one word in one piece, before all that is loaded after it.
    @inlinable public func load32(element index: Int, offset: Int) -> UInt32 {
        precondition(offset & 3 == 0, "an aligned word")
        return cbpf_load32(address(of: index, offset: offset, size: 4))
    }

    /// Loads 8 bytes in one piece, before all that is loaded after; `offset` is a multiple of 8.
    @inlinable public func load64(element index: Int, offset: Int) -> UInt64 {
        precondition(offset & 7 == 0, "an aligned word")
        return cbpf_load64(address(of: index, offset: offset, size: 8))
    }

    /// All elements' bytes, `stride` apart, for work in bulk; not to be kept beyond `body`.
    @inlinable public func withPointer<Result, Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeMutableRawBufferPointer(start: base, count: stride * count))
    }

    @inlinable func address(of index: Int, offset: Int, size: Int) -> UnsafeMutableRawPointer {
        precondition(index >= 0 && index < count && offset >= 0 && offset + size <= stride, "within the map")
        return base + (index * stride + offset)
    }
}

extension Map {
    /// Maps the elements of a mappable array into this process; they stay mapped when the map's descriptor is closed.
    public func mapped<Value: BitwiseCopyable>(as value: Value.Type) throws(BPFError) -> MappedArray<Value> {
        try MappedArray(mapping: self)
    }
}
