// SPDX-License-Identifier: Apache-2.0

import BPF
import Model

extension Attachment {
    /// Gives each pinned link the name that its interface has now: one that was renamed keeps its program.
    func renameLinks(of interfaces: [NetworkInterface]) throws(BPFError) {
        let names = Dictionary(interfaces.map { ($0.index, Pin.escaped($0.name)) }) { one, _ in one }
        var moves: [(from: String, to: String)] = []
        for (pin, index) in try heldLinks() {
            guard let name = names[index], name != pin else { continue }
            moves.append((pin, name))
        }
        // By way of names that no interface has: two may have exchanged theirs.
        for move in moves where move.from != "\(move.to)%" {
            try Pin.move("\(paths.links)/\(move.from)", to: "\(paths.links)/\(move.to)%")
        }
        // Over a link that is nobody's any more: one of a wanted interface has moved away.
        for move in moves { try Pin.move("\(paths.links)/\(move.to)%", to: "\(paths.links)/\(move.to)") }
    }

    /// The index of each link's interface by the name of its pin, in order; those whose interface is gone are left out.
    func heldLinks() throws(BPFError) -> [(pin: String, index: UInt32)] {
        var found: [(pin: String, index: UInt32)] = []
        for name in try Pin.list(paths.links) {
            let index = try Link.open(pinned: "\(paths.links)/\(name)").interface
            if index != 0 { found.append((name, index)) }
        }
        return found
    }
}

/// Another's program that was taken off an interface for ours.
struct DisplacedProgram {
    private let name: String
    private let mode: XDPMode
    /// Nil where it may not be held: this takes CAP_SYS_ADMIN, which a running daemon does not have.
    private let program: Program?
    private let refusal: String

    /// To be made while it is still attached: else it may be gone for good.
    init(_ attachment: XDPAttachment, mode: XDPMode) {
        self.mode = mode
        name = attachment.programName.map { "the XDP program \($0)" } ?? "an XDP program"
        do {
            program = try Program.open(id: attachment.programID)
            refusal = ""
        } catch {
            program = nil
            refusal = "\(error)"
        }
    }

    /// Puts it back where ours could not be attached; answers why not, and what runs now.
    func restored(to interface: NetworkInterface, after error: BPFError) -> BPFError {
        BPFError(
            operation: error.operation, subject: error.subject, cause: "\(error.cause); \(restore(to: interface))",
            errno: error.errno)
    }

    private func restore(to interface: NetworkInterface) -> String {
        guard let program else { return "\(name) that was there is off it, and could not be put back: \(refusal)" }
        do {
            try XDPAttachment.put(program, on: interface.index, mode: mode)
            return "\(name) that was there is on it again"
        } catch {
            return "\(name) that was there is off it, and could not be put back: \(error)"
        }
    }
}
