// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Why nothing could be measured: `make a network namespace: Operation not permitted`.
public struct BenchmarkError: Error, Hashable, Sendable, CustomStringConvertible {
    public let operation: String
    public let cause: String
    /// The system's error number, where there is one.
    public let errno: Int32?

    public init(_ operation: String, cause: String, errno: Int32? = nil) {
        self.operation = operation
        self.cause = cause
        self.errno = errno
    }

    init(_ operation: String, code: Int32) {
        self.operation = operation
        cause = strerror(code).map { String(cString: $0) } ?? "error \(code)"
        errno = code
    }

    public var description: String { "\(operation): \(cause)" }
}
