// SPDX-License-Identifier: Apache-2.0

import BPF
import Glibc
import Model

/// Which ways of running the program may be tried.
public enum AttachmentPolicy: String, Hashable, Sendable, CaseIterable {
    /// Native, else generic.
    case auto
    case native
    case generic

    var ladder: [XDPMode] {
        switch self {
        case .auto: [.native, .generic]
        case .native: [.native]
        case .generic: [.generic]
        }
    }
}

/// How one interface came to run the program, or why it does not.
public struct AttachmentReport: Hashable, Sendable {
    public enum Change: String, Hashable, Sendable {
        /// It was attached before and runs the very program.
        case kept
        /// Its program was replaced by one atomic update of the link.
        case updated
        case attached
        case failed
    }

    public let interface: String
    public let change: Change
    public let mode: XDPMode?
    /// Why each better way was not taken, in order.
    public let reasons: [String]
    /// In one line; nil where the interface runs the program.
    public let error: String?

    /// With the reasons that an earlier report gave for the same way of running it.
    func keeping(_ earlier: AttachmentReport?) -> AttachmentReport {
        guard let earlier, change == .kept || change == .updated, earlier.mode == mode else { return self }
        return AttachmentReport(
            interface: interface, change: change, mode: mode, reasons: earlier.reasons, error: error)
    }
}

/// Puts the program on interfaces and keeps it there through pinned links. Works in the network namespace of its
/// thread.
struct Attachment {
    let paths: PinPaths
    let policy: AttachmentPolicy
    /// Whether a program that is not ours is taken off.
    let replacesForeign: Bool

    func attach(_ program: Program, to interface: NetworkInterface) -> AttachmentReport {
        do {
            if let report = try adopt(program, on: interface) { return report }
            let displaced = try displaceForeign(on: interface)
            do {
                return try climb(program, interface)
            } catch {
                throw displaced.map { $0.restored(to: interface, after: error) } ?? error
            }
        } catch {
            return AttachmentReport(
                interface: interface.name, change: .failed, mode: nil, reasons: [], error: "\(error)")
        }
    }

    /// The pinned link, if it still holds the interface.
    private func adopt(_ program: Program, on interface: NetworkInterface) throws(BPFError) -> AttachmentReport? {
        let path = paths.link(interface.name)
        guard try Pin.exists(path) else { return nil }
        let link = try Link.open(pinned: path)
        guard try link.interface == interface.index else {
            // The interface went and came back: the kernel has let go of the link.
            try Pin.remove(path)
            return nil
        }
        let isSame = try link.programID == program.id
        if !isSame { try link.update(to: program) }
        let mode = try XDPAttachment.current(on: interface.index)?.mode
        return AttachmentReport(
            interface: interface.name, change: isSame ? .kept : .updated, mode: mode, reasons: doubts(about: mode),
            error: nil)
    }

    /// Of an interface that an earlier start attached: why it did so in this way is not known any more.
    private func doubts(about mode: XDPMode?) -> [String] {
        guard let mode, let best = policy.ladder.first, mode != best else { return [] }
        return ["no XDP \(best) when an earlier start attached it"]
    }

    /// Takes another's program off where that is allowed; nil where there is none.
    private func displaceForeign(on interface: NetworkInterface) throws(BPFError) -> DisplacedProgram? {
        guard let other = try XDPAttachment.current(on: interface.index) else { return nil }
        if let root = paths.installation(running: other.programID) {
            throw rival(on: interface, "pins below \(root), program id \(other.programID)")
        }
        if other.programName == Loader.programName {
            throw rival(on: interface, "program \(Loader.programName), id \(other.programID)")
        }
        guard replacesForeign, let mode = other.mode else {
            let program = other.programName.map { "the XDP program \($0)" } ?? "an XDP program"
            throw BPFError(
                operation: "attach to", subject: interface.name,
                cause: "\(program) (id \(other.programID)) is attached there already: take it off with "
                    + "`ip link set dev \(interface.name) xdp off`, or let it be replaced: "
                    + "datapath: { foreign: replace }")
        }
        let displaced = DisplacedProgram(other, mode: mode)
        try XDPAttachment.remove(from: interface.index, mode: mode)
        return displaced
    }

    private func rival(on interface: NetworkInterface, _ marks: String) -> BPFError {
        BPFError(
            operation: "attach to", subject: interface.name,
            cause: "another sluiced runs there (\(marks)): stop and uninstall it, or give this one another interface")
    }

    private func climb(_ program: Program, _ interface: NetworkInterface) throws(BPFError) -> AttachmentReport {
        var reasons: [String] = []
        for mode in policy.ladder {
            do {
                let link = try Link.attachXDP(program, interface: interface.index, mode: mode)
                try link.pin(to: paths.link(interface.name))
                return AttachmentReport(
                    interface: interface.name, change: .attached, mode: mode, reasons: reasons, error: nil)
            } catch  where error.errno == EEXIST {
                throw below(interface)
            } catch  where error.errno != EBUSY && error.errno != ENODEV {
                reasons.append("no XDP \(mode): \(error.cause)")
            }
        }
        throw BPFError(
            operation: "attach to", subject: interface.name,
            cause: "no way of running XDP works: \(reasons.joined(separator: "; "))")
    }

    /// It has no program itself, which was looked at before: the kernel refuses any below an interface that has one.
    private func below(_ interface: NetworkInterface) -> BPFError {
        BPFError(
            operation: "attach to", subject: interface.name,
            cause: "no way of running XDP works: the bridge or bond above it runs an XDP program itself. "
                + "`bpftool net` shows it; take that off, or name the upper interface instead")
    }

    /// Takes the program off interfaces that are no longer named, and off all where none is.
    ///
    /// - Returns: the names of their pins.
    @discardableResult
    func detach(allBut kept: [NetworkInterface] = []) throws(BPFError) -> [String] {
        let indices = Set(kept.map(\.index))
        var detached: [String] = []
        for name in try Pin.list(paths.links) {
            let path = "\(paths.links)/\(name)"
            let link = try Link.open(pinned: path)
            let index = try link.interface
            guard !indices.contains(index) else { continue }
            try Pin.remove(path)
            if index != 0 { try link.detach() }
            detached.append(name)
        }
        return detached
    }
}
