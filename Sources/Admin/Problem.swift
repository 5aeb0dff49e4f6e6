// SPDX-License-Identifier: Apache-2.0

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

/// A document that does not pass its check.
public struct BadDocument: Error, Hashable, Sendable, CustomStringConvertible {
    public let problem: Problem

    public init(_ error: String, remedy: String) {
        problem = Problem(error, remedy: remedy, exitCode: .badDocument)
    }

    public var description: String { problem.description }
}

/// A service, a backend or a drain that is asked for and is not there.
public struct UnknownName: Error, Hashable, Sendable, CustomStringConvertible {
    public let problem: Problem

    public init(_ error: String, remedy: String) { problem = Problem(error, remedy: remedy) }

    public var description: String { problem.description }
}
