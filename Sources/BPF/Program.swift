// SPDX-License-Identifier: Apache-2.0

import CBPF
import Glibc

/// A BPF program that the kernel has accepted.
public final class Program: Sendable {
    public let id: UInt32
    /// As the kernel has it: at most 15 bytes.
    public let name: String
    /// The digest that the kernel takes of the instructions, 16 hexadecimal digits.
    public let tag: String
    private let handle: Descriptor

    /// Valid as long as this object lives.
    public var descriptor: Int32 { handle.number }

    init(owning handle: Descriptor) throws(BPFError) {
        var info = try Self.information(handle.number)
        self.handle = handle
        id = info.id
        name = withUnsafeBytes(of: &info.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        tag = withUnsafeBytes(of: &info.tag) { tag in
            tag.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        }
    }

    /// Opens the program pinned at `path` on bpffs.
    public static func open(pinned path: String) throws(BPFError) -> Program {
        try Program(owning: Descriptor(pinned: path, as: .program, "open program"))
    }

    /// Opens a program by the number that the kernel gave it.
    public static func open(id: UInt32) throws(BPFError) -> Program {
        let descriptor = try BPFError.check(bpf_prog_get_fd_by_id(id), "open program", "\(id)")
        return try Program(owning: Descriptor(owning: descriptor))
    }

    /// Pins the program at `path` on bpffs, where it outlives this process.
    public func pin(to path: String) throws(BPFError) {
        try Pin.add(descriptor, at: path)
    }

    /// Keeps `map` alive as long as the program, though no instruction names it.
    public func bind(_ map: Map) throws(BPFError) {
        try BPFError.check(
            bpf_prog_bind_map(descriptor, map.descriptor, nil), "bind map \(map.name) to", "program \(name)")
    }

    /// The numbers of the maps that the program uses.
    public func mapIDs() throws(BPFError) -> [UInt32] {
        let capacity = 64  // the verifier lets a program use no more
        var ids = [UInt32](repeating: 0, count: capacity)
        var info = bpf_prog_info()
        var length = UInt32(MemoryLayout<bpf_prog_info>.size)
        let result = ids.withUnsafeMutableBufferPointer { ids in
            info.nr_map_ids = UInt32(capacity)
            info.map_ids = UInt64(UInt(bitPattern: ids.baseAddress))
            return bpf_obj_get_info_by_fd(handle.number, &info, &length)
        }
        try BPFError.check(result, "look at", "program \(name)")
        return Array(ids.prefix(Int(info.nr_map_ids)))
    }

    private static func information(_ descriptor: Int32) throws(BPFError) -> bpf_prog_info {
        var info = bpf_prog_info()
        var length = UInt32(MemoryLayout<bpf_prog_info>.size)
        try BPFError.check(bpf_obj_get_info_by_fd(descriptor, &info, &length), "look at", "program")
        return info
    }
}
