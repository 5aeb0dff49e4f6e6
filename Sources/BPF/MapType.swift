// SPDX-License-Identifier: Apache-2.0

import CBPF

/// The kinds of BPF map that are in use here; any other keeps its number.
public struct MapType: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    private init(_ type: bpf_map_type) {
        self.init(rawValue: UInt32(type.rawValue))
    }

    public static let hash = MapType(BPF_MAP_TYPE_HASH)
    public static let array = MapType(BPF_MAP_TYPE_ARRAY)
    public static let programArray = MapType(BPF_MAP_TYPE_PROG_ARRAY)
    public static let perCPUHash = MapType(BPF_MAP_TYPE_PERCPU_HASH)
    public static let perCPUArray = MapType(BPF_MAP_TYPE_PERCPU_ARRAY)
    public static let lruHash = MapType(BPF_MAP_TYPE_LRU_HASH)
    public static let lruPerCPUHash = MapType(BPF_MAP_TYPE_LRU_PERCPU_HASH)
    public static let longestPrefix = MapType(BPF_MAP_TYPE_LPM_TRIE)
    public static let arrayOfMaps = MapType(BPF_MAP_TYPE_ARRAY_OF_MAPS)
    public static let deviceMap = MapType(BPF_MAP_TYPE_DEVMAP)
    public static let deviceHash = MapType(BPF_MAP_TYPE_DEVMAP_HASH)
    public static let socketArray = MapType(BPF_MAP_TYPE_REUSEPORT_SOCKARRAY)

    /// libbpf's word for it: `lpm_trie`.
    public var description: String {
        libbpf_bpf_map_type_str(bpf_map_type(rawValue: rawValue)).map { String(cString: $0) } ?? "type \(rawValue)"
    }

    /// Whether an element holds one value a CPU.
    var isPerCPU: Bool {
        [.perCPUHash, .perCPUArray, .lruPerCPUHash].contains(self)
    }

    /// Whether every key from 0 to `maxEntries` exists.
    var isArray: Bool {
        [.array, .perCPUArray, .programArray, .arrayOfMaps, .deviceMap, .socketArray].contains(self)
    }

    /// Flags that the kernel adds to the ones asked for.
    var addedFlags: UInt32 {
        [.deviceMap, .deviceHash].contains(self) ? UInt32(BPF_F_RDONLY_PROG) : 0
    }
}

/// Flags of a map at its creation.
public struct MapFlags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The map's memory can be mapped into this process: arrays only, kernel 5.5.
    public static let mappable = MapFlags(rawValue: UInt32(BPF_F_MMAPABLE))
    /// Elements are allocated when they are made; longest-prefix maps must say so.
    public static let noPreallocation = MapFlags(rawValue: UInt32(BPF_F_NO_PREALLOC))
}
