// SPDX-License-Identifier: Apache-2.0

import CBPF
import Glibc

// Classifiers on what leaves by an interface, before all others that are there: tc-bpf(8).

extension Link {
    /// Whether this kernel attaches classifiers by links, which can be pinned and end by themselves (TCX, Linux 6.6).
    public static let attachesToEgress: Bool = {
        LibbpfMessages.silence()
        // Of the loopback, which is everywhere. Kernels that do not know the kind of link answer EINVAL.
        return cbpf_query_egress_links(1) != -EINVAL
    }()

    /// Runs `program` for what leaves by an interface of this thread's network namespace.
    ///
    /// Nothing changes when it throws: EINVAL where the kernel has no such links or the interface is not there.
    public static func attachEgress(_ program: Program, interface: UInt32) throws(BPFError) -> Link {
        LibbpfMessages.silence()
        let result = cbpf_link_create_egress(program.descriptor, Int32(bitPattern: interface))
        let name = name(of: interface)
        guard result >= 0 else {
            throw BPFError(
                "attach", "program \(program.name) to the egress of \(name ?? "interface \(interface)")", code: result,
                cause: name == nil ? "no such interface" : nil)
        }
        return try Link(owning: Descriptor(owning: result))
    }
}

/// A classifier without a link, for kernels before 6.6: a filter of the interface's clsact queue discipline. It stays
/// until it is removed or the interface goes; the queue discipline, which others may use too, stays for good.
public enum EgressFilter {
    /// Puts `program` on an interface of this thread's network namespace, in one step in place of what this put there
    /// before.
    ///
    /// Throws EINVAL where filters of another kind have its priority.
    public static func attach(_ program: Program, interface: UInt32) throws(BPFError) {
        LibbpfMessages.silence()
        let subject = "program \(program.name) to the egress of \(Link.name(of: interface) ?? "interface \(interface)")"
        let hook = cbpf_egress_hook(Int32(bitPattern: interface))
        if hook != -EEXIST { try BPFError.check(hook, "attach", "\(subject): clsact") }
        let result = cbpf_egress_filter_set(Int32(bitPattern: interface), handle, priority, program.descriptor)
        try BPFError.check(result, "attach", subject)
    }

    /// The number of the program that `attach` put on the interface; nil where there is none.
    public static func program(on interface: UInt32) throws(BPFError) -> UInt32? {
        LibbpfMessages.silence()
        var program: UInt32 = 0
        let result = cbpf_egress_filter_query(Int32(bitPattern: interface), handle, priority, &program)
        // Without clsact the kernel calls the question invalid.
        if result == -ENOENT || result == -EINVAL || result == -ENODEV { return nil }
        try BPFError.check(result, "query the egress of", "interface \(interface)")
        return program
    }

    /// Takes it off, and answers whether it was there.
    @discardableResult
    public static func remove(from interface: UInt32) throws(BPFError) -> Bool {
        guard try program(on: interface) != nil else { return false }
        let result = cbpf_egress_filter_remove(Int32(bitPattern: interface), handle, priority)
        try BPFError.check(result, "detach from the egress of", "interface \(interface)")
        return true
    }

    /// Lowest first; of one priority the filter that came last.
    private static let priority: UInt32 = 1
    /// Tells our filter from others of the priority.
    private static let handle: UInt32 = 0x5100_0000
}
