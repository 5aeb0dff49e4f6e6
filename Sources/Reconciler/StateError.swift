// SPDX-License-Identifier: Apache-2.0

/// Why a file of the state directory cannot be used: operation, subject, cause, and what a person does about it.
public struct StateError: Error, Hashable, CustomStringConvertible {
    public let operation: String
    public let path: String
    public let cause: String
    public let remedy: String?

    init(_ operation: String, _ path: String, _ cause: String, remedy: String? = nil) {
        self.operation = operation
        self.path = path
        self.cause = cause
        self.remedy = remedy
    }

    public var description: String {
        "\(operation) \(path): \(cause)" + (remedy.map { "; \($0)" } ?? "")
    }
}
