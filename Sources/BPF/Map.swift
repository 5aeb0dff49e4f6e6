// SPDX-License-Identifier: Apache-2.0

import CBPF
import Glibc

/// A BPF map of the kernel: what it is, and its elements.
///
/// Keys and values are given as values whose size is exactly the map's; bpf(2) tells what each kind of map answers.
public final class Map: Sendable {
    /// As the kernel has it: at most 15 bytes.
    public let name: String
    public let id: UInt32
    public let type: MapType
    /// Bytes of a key.
    public let keySize: Int
    /// Bytes of a value; in per-CPU maps, of each CPU's.
    public let valueSize: Int
    public let maxEntries: Int
    public let flags: MapFlags
    private let handle: Descriptor

    /// Valid as long as this object lives.
    public var descriptor: Int32 { handle.number }

    init(owning handle: Descriptor) throws(BPFError) {
        var info = bpf_map_info()
        var length = UInt32(MemoryLayout<bpf_map_info>.size)
        try BPFError.check(bpf_obj_get_info_by_fd(handle.number, &info, &length), "look at", "map")
        self.handle = handle
        name = withUnsafeBytes(of: &info.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        id = info.id
        type = MapType(rawValue: info.type)
        keySize = Int(info.key_size)
        valueSize = Int(info.value_size)
        maxEntries = Int(info.max_entries)
        flags = MapFlags(rawValue: info.map_flags)
    }

    /// Makes a map. `inner` is the pattern of the maps that an array of maps holds.
    public static func create(
        _ name: String, type: MapType, keySize: Int, valueSize: Int, maxEntries: Int, flags: MapFlags = [],
        inner: Map? = nil
    ) throws(BPFError) -> Map {
        LibbpfMessages.silence()
        let descriptor = cbpf_map_create(
            type.rawValue, name, UInt32(keySize), UInt32(valueSize), UInt32(maxEntries), flags.rawValue,
            UInt32(inner?.descriptor ?? 0))
        return try Map(owning: Descriptor(owning: try BPFError.check(descriptor, "create", "map \(name)")))
    }

    /// Opens the map pinned at `path` on bpffs.
    public static func open(pinned path: String) throws(BPFError) -> Map {
        try Map(owning: Descriptor(pinned: path, as: .map, "open map"))
    }

    /// Opens a map by the number that the kernel gave it.
    public static func open(id: UInt32) throws(BPFError) -> Map {
        try Map(owning: Descriptor(owning: try BPFError.check(bpf_map_get_fd_by_id(id), "open map", "\(id)")))
    }

    /// Pins the map at `path` on bpffs, where it outlives this process.
    public func pin(to path: String) throws(BPFError) {
        try Pin.add(descriptor, at: path)
    }

    /// How this map differs from what is wanted, field by field; empty when it fits.
    public func differences(
        type: MapType, keySize: Int, valueSize: Int, maxEntries: Int, flags: MapFlags
    ) -> [String] {
        var found: [String] = []
        func compare<T: Equatable>(_ what: String, _ has: T, _ wanted: T) {
            if has != wanted { found.append("\(what) \(has), wanted \(wanted)") }
        }
        compare("type", self.type, type)
        compare("key size", self.keySize, keySize)
        compare("value size", self.valueSize, valueSize)
        compare("max entries", self.maxEntries, maxEntries)
        compare("flags", self.flags.rawValue & ~type.addedFlags, flags.rawValue & ~type.addedFlags)
        return found
    }
}
