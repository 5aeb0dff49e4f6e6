// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How both programs end; a problem says with which.
public enum ExitCode: Int32, Codable, Hashable, Sendable, CaseIterable {
    case success = 0
    case failed = 1
    /// What was typed or configured is wrong.
    case usage = 2
    case differences = 3
    /// No daemon, no store, or nothing that one of them left.
    case unreachable = 4
    case notLeader = 5
    case heldByBrake = 6
    case permission = 7
    case kernelLacks = 8

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
