// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What went wrong with a file or directory: `write /var/lib/sluice/generation: No space left on device`.
public struct StorageError: Error, Sendable, CustomStringConvertible {
    /// What was tried: `write`, `read`, `lock`.
    public let operation: String
    public let path: String
    /// Why it failed, in the system's words.
    public let cause: String
    /// The system's error number, where there is one.
    public let errno: Int32?

    public init(operation: String, path: String, cause: String, errno: Int32? = nil) {
        self.operation = operation
        self.path = path
        self.cause = cause
        self.errno = errno
    }

    init(_ operation: String, _ path: String, code: Int32) {
        let cause = strerror(code).map { String(cString: $0) } ?? "error \(code)"
        self.init(operation: operation, path: path, cause: cause, errno: code)
    }

    public var description: String { "\(operation) \(path): \(cause)" }
}

/// Passes a system call's result on, and throws where it is negative.
@discardableResult
func check(_ result: Int32, _ operation: String, _ path: String) throws(StorageError) -> Int32 {
    guard result < 0 else { return result }
    throw StorageError(operation, path, code: errno)
}
