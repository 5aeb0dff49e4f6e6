// SPDX-License-Identifier: Apache-2.0

/// Why a file of the state directory cannot be used: operation, subject, cause, and what a person does about it.
public struct StateError: Error, Hashable, CustomStringConvertible {
    public let operation: String
    public let path: String
    public let cause: String
    public let remedy: String?
    /// The system's error number, or the one that it would have given.
    public let errno: Int32?

    init(_ operation: String, _ path: String, _ cause: String, remedy: String? = nil, errno: Int32? = nil) {
        self.operation = operation
        self.path = path
        self.cause = cause
        self.remedy = remedy
        self.errno = errno
    }

    public var description: String {
        "\(operation) \(path): \(cause)" + (remedy.map { "; \($0)" } ?? "")
    }
}
