// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How both programs end; a problem says with which.
///
/// `usage` is for what was typed alone. A document that does not pass its check, or cannot be read, is `badDocument`
/// whichever it is and whoever reads it: `sluicectl check`, a reload, the daemon at its start, any other command. What
/// the caller may not open, and what others could have tampered with, is `permission`.
public enum ExitCode: Int32, Codable, Hashable, Sendable, CaseIterable {
    case success = 0
    case failed = 1
    /// What was typed is wrong.
    case usage = 2
    case differences = 3
    /// No daemon, no store, or nothing that one of them left.
    case unreachable = 4
    case notLeader = 5
    case heldByBrake = 6
    case permission = 7
    case kernelLacks = 8

    /// The document is at fault, not the command line.
    public static let badDocument = ExitCode.failed

    /// Of what the system refused; a file that is missing says nothing by itself.
    public init(systemError code: Int32?) {
        switch code {
        case EPERM, EACCES: self = .permission
        case ENOSYS, EOPNOTSUPP, Self.notSupported: self = .kernelLacks
        default: self = .failed
        }
    }

    /// ENOTSUPP, which the kernel answers though no header of user space has it.
    private static let notSupported: Int32 = 524
}
