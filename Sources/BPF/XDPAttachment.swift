// SPDX-License-Identifier: Apache-2.0

import CBPF
import Glibc

/// The XDP program on an interface, whoever attached it.
public struct XDPAttachment: Sendable, Equatable {
    /// Nil where the network card itself runs it.
    public let mode: XDPMode?
    public let programID: UInt32
    /// Nil where the program may not be looked at.
    public let programName: String?

    /// What is attached to an interface of this thread's network namespace; nil if nothing is.
    public static func current(on interface: UInt32) throws(BPFError) -> XDPAttachment? {
        LibbpfMessages.silence()
        var state = cbpf_xdp_state()
        try BPFError.check(
            cbpf_xdp_query(Int32(bitPattern: interface), &state), "query XDP of", "interface \(interface)")
        let mode: XDPMode?
        let program: UInt32
        switch state.mode {
        case UInt32(XDP_ATTACHED_NONE): return nil
        case UInt32(XDP_ATTACHED_DRV): (mode, program) = (.native, state.program)
        case UInt32(XDP_ATTACHED_SKB): (mode, program) = (.generic, state.program)
        // Several at once: the driver's runs first.
        case UInt32(XDP_ATTACHED_MULTI) where state.native != 0: (mode, program) = (.native, state.native)
        case UInt32(XDP_ATTACHED_MULTI): (mode, program) = (.generic, state.generic)
        default: (mode, program) = (nil, state.program)
        }
        return XDPAttachment(mode: mode, programID: program, programName: name(of: program))
    }

    /// Takes a program off that was attached without a link; one attached by a link stays, and EBUSY is thrown.
    public static func remove(from interface: UInt32, mode: XDPMode) throws(BPFError) {
        LibbpfMessages.silence()
        let result = bpf_xdp_detach(Int32(bitPattern: interface), mode.flag, nil)
        guard result < 0 else { return }
        throw BPFError(
            "detach XDP from", "interface \(interface)", code: result,
            cause: result == -EBUSY ? "a link holds it" : nil)
    }

    /// Attaches a program without a link, as others do; EBUSY or EEXIST where one is there.
    public static func put(_ program: Program, on interface: UInt32, mode: XDPMode) throws(BPFError) {
        LibbpfMessages.silence()
        let flags = mode.flag | UInt32(XDP_FLAGS_UPDATE_IF_NOEXIST)
        let result = bpf_xdp_attach(Int32(bitPattern: interface), program.descriptor, flags, nil)
        guard result < 0 else { return }
        throw BPFError("attach", "program \(program.name) to interface \(interface)", code: result)
    }

    private static func name(of program: UInt32) -> String? {
        do {
            return try Program.open(id: program).name
        } catch {
            return nil
        }
    }
}
