// SPDX-License-Identifier: Apache-2.0

import CBPF
import Glibc

/// How an XDP program is run for an interface's frames.
public enum XDPMode: String, Sendable, CaseIterable, CustomStringConvertible {
    /// By the driver, before the kernel makes a packet of the frame.
    case native
    /// By the kernel, for drivers without XDP; slower.
    case generic

    public var description: String { rawValue }

    var flag: UInt32 {
        switch self {
        case .native: UInt32(XDP_FLAGS_DRV_MODE)
        case .generic: UInt32(XDP_FLAGS_SKB_MODE)
        }
    }
}

/// A program's hold on an interface; it ends with the last descriptor and pin. Kernel 5.9.
public final class Link: Sendable {
    public let id: UInt32
    private let handle: Descriptor

    /// Valid as long as this object lives.
    public var descriptor: Int32 { handle.number }

    init(owning handle: Descriptor) throws(BPFError) {
        let info = try Self.information(handle.number)
        guard info.type == BPF_LINK_TYPE_XDP.rawValue || info.type == UInt32(CBPF_LINK_TYPE_TCX) else {
            throw BPFError(operation: "look at", subject: "link \(info.id)", cause: "not a link to an interface")
        }
        self.handle = handle
        id = info.id
    }

    /// Attaches `program` to an interface of this thread's network namespace.
    ///
    /// Nothing changes when it throws: EBUSY or EEXIST where another program is attached, EOPNOTSUPP where the driver
    /// does not know the mode.
    public static func attachXDP(
        _ program: Program, interface: UInt32, mode: XDPMode
    ) throws(BPFError) -> Link {
        LibbpfMessages.silence()
        let result = cbpf_link_create_xdp(program.descriptor, Int32(bitPattern: interface), mode.flag)
        guard result >= 0 else {
            throw BPFError(
                "attach",
                "program \(program.name) to \(Self.name(of: interface) ?? "interface \(interface)") (\(mode))",
                code: result,
                cause: Self.cause(of: -result, interface))
        }
        return try Link(owning: Descriptor(owning: result))
    }

    /// Opens the link pinned at `path` on bpffs.
    public static func open(pinned path: String) throws(BPFError) -> Link {
        try Link(owning: Descriptor(pinned: path, as: .link, "open link"))
    }

    /// Pins the link at `path` on bpffs, where it outlives this process.
    public func pin(to path: String) throws(BPFError) {
        try Pin.add(descriptor, at: path)
    }

    /// Replaces the link's program in one step: each frame meets the old or the new one.
    public func update(to program: Program) throws(BPFError) {
        let result = cbpf_link_update(descriptor, program.descriptor)
        guard result < 0 else { return }
        throw BPFError(
            "update", "link \(id) to program \(program.name)", code: result,
            cause: result == -ENOLINK ? "its interface is gone" : nil)
    }

    /// Takes the program off the interface, though pins of the link may remain.
    public func detach() throws(BPFError) {
        try BPFError.check(bpf_link_detach(descriptor), "detach", "link \(id)")
    }

    /// The interface's index; 0 when the interface is gone or the link was detached.
    public var interface: UInt32 {
        // For TCX the kernel keeps it in the same place.
        get throws(BPFError) { try Self.information(descriptor).xdp.ifindex }
    }

    public var programID: UInt32 {
        get throws(BPFError) { try Self.information(descriptor).prog_id }
    }

    private static func information(_ descriptor: Int32) throws(BPFError) -> bpf_link_info {
        var info = bpf_link_info()
        var length = UInt32(MemoryLayout<bpf_link_info>.size)
        try BPFError.check(bpf_obj_get_info_by_fd(descriptor, &info, &length), "look at", "link")
        return info
    }

    /// The kernel answers EINVAL for an interface that is not there.
    private static func cause(of code: Int32, _ interface: UInt32) -> String? {
        switch code {
        case EINVAL where name(of: interface) == nil: "no such interface"
        case EBUSY, EEXIST: "another XDP program is attached"
        case EOPNOTSUPP: "the driver has no XDP of this mode"
        default: nil
        }
    }

    static func name(of interface: UInt32) -> String? {
        var name = [CChar](repeating: 0, count: Int(IF_NAMESIZE))
        guard if_indextoname(interface, &name) != nil else { return nil }
        return name.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
