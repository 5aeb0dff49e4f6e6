// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What failed, on what, and the kernel's reason: `connect 10.0.0.1:80: Connection refused`.
public struct EventLoopError: Error, Hashable, Sendable, CustomStringConvertible {
    public let operation: String
    public let subject: String
    /// As errno(3) names it.
    public let errno: Int32

    public init(operation: String, subject: String, errno: Int32) {
        self.operation = operation
        self.subject = subject
        self.errno = errno
    }

    public var description: String { "\(operation) \(subject): \(Self.text(of: errno))" }

    /// The words of the C library for an error number.
    public static func text(of errno: Int32) -> String {
        var buffer: [CChar] = Array(repeating: 0, count: 128)
        guard strerror_r(errno, &buffer, buffer.count) == 0 else { return "error \(errno)" }
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
