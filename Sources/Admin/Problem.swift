// SPDX-License-Identifier: Apache-2.0

/// How the operator's tool ends; a problem says with which.
public enum ExitCode: Int32, Codable, Hashable, Sendable {
    case success = 0
    case failed = 1
    case usage = 2
    case differences = 3
    case unreachable = 4
    case notLeader = 5
    case heldByBrake = 6
    case permission = 7
    case kernelLacks = 8
}

/// What went wrong, what mends it, and how the tool ends: the body of every answer that is no success.
public struct Problem: Error, Codable, Hashable, Sendable, CustomStringConvertible {
    public var error: String
    /// What to do about it; empty where there is nothing to be done.
    public var remedy: String
    public var exitCode: ExitCode

    public init(_ error: String, remedy: String = "", exitCode: ExitCode = .failed) {
        self.error = error
        self.remedy = remedy
        self.exitCode = exitCode
    }

    public var description: String { remedy.isEmpty ? error : "\(error); \(remedy)" }
}
