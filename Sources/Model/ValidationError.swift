// SPDX-License-Identifier: Apache-2.0

/// Why a desired state cannot become a generation: everything that is wrong with it, each in one line.
public struct ValidationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of thing is wrong; a program may look at it, a person reads the message.
    public enum Code: String, Hashable, Sendable, CaseIterable {
        /// A service, VIP or backend is there twice.
        case duplicate
        /// A value that its field cannot have.
        case value
        /// Addresses of families that do not go together.
        case family
        /// No backend of a service may take new flows.
        case weights
        /// More than the kernel's maps hold.
        case limit
        /// It would leave a service that has backends with none: held back.
        case brake

        /// What the command-line tool exits with.
        public var exitStatus: Int32 { self == .brake ? 6 : 1 }
    }

    public struct Problem: Hashable, Sendable, CustomStringConvertible {
        public let code: Code
        /// `service web`, `service web: backend a`; empty for the whole.
        public let subject: String
        public let message: String

        public init(_ code: Code, _ subject: String, _ message: String) {
            self.code = code
            self.subject = subject
            self.message = message
        }

        public var description: String { subject.isEmpty ? message : "\(subject): \(message)" }
    }

    /// Never empty; in the order of the document.
    public let problems: [Problem]

    /// Nil where there is none.
    public init?(_ problems: [Problem]) {
        guard !problems.isEmpty else { return nil }
        self.problems = problems
    }

    /// One line a problem.
    public var description: String { problems.map(\.description).joined(separator: "\n") }

    /// What the command-line tool exits with: the brake's status where nothing but the brake is in the way.
    public var exitStatus: Int32 {
        problems.contains { $0.code != .brake } ? Code.value.exitStatus : Code.brake.exitStatus
    }
}
