// SPDX-License-Identifier: Apache-2.0

import CBPF
import Glibc

/// What the kernel or the compiler refused: `load program steer: R3 invalid mem access 'scalar' (EACCES)`.
public struct BPFError: Error, Sendable, CustomStringConvertible {
    /// What was tried: `load`, `update`, `attach`.
    public let operation: String
    /// To what: `program steer`, `vips[7]`, `/sys/fs/bpf/sluice/steer`.
    public let subject: String
    /// Why it failed, in one line.
    public let cause: String
    /// The system's error number, where there is one.
    public let errno: Int32?
    /// Of a refused program, the verifier's decisive lines: the source line, the instruction, the complaint.
    public let verifier: [String]

    public init(
        operation: String, subject: String, cause: String, errno: Int32? = nil, verifier: [String] = []
    ) {
        self.operation = operation
        self.subject = subject
        self.cause = cause
        self.errno = errno
        self.verifier = verifier
    }

    public var description: String {
        let what = subject.isEmpty ? operation : "\(operation) \(subject)"
        guard let errno, let name = Self.name(of: errno) else { return "\(what): \(cause)" }
        return "\(what): \(cause) (\(name))"
    }
}

extension BPFError {
    /// An error from a system error number; its text is the cause unless a better one is known.
    init(_ operation: String, _ subject: String, code: Int32, cause: String? = nil) {
        let code = abs(code)
        self.init(operation: operation, subject: subject, cause: cause ?? Self.text(of: code), errno: code)
    }

    /// Passes a result of libbpf or the kernel on, and throws where it is negative.
    @discardableResult
    static func check(
        _ result: Int32, _ operation: String, _ subject: @autoclosure () -> String
    ) throws(BPFError) -> Int32 {
        guard result < 0 else { return result }
        throw BPFError(operation, subject(), code: result == -1 ? Glibc.errno : result)
    }

    /// ENOTSUPP, which the kernel answers though no header of user space has it.
    static let notSupported: Int32 = 524

    /// `EACCES`; nil for numbers without a name, such as libbpf's own.
    static func name(of code: Int32) -> String? {
        if code == notSupported { return "ENOTSUPP" }
        return strerrorname_np(code).map { String(cString: $0) }
    }

    /// The system's words for an error number, beginning in lower case.
    static func text(of code: Int32) -> String {
        if code == notSupported { return "operation not supported" }
        let capacity = 256
        let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) { buffer in
            guard let start = buffer.baseAddress else { return "" }
            start.initialize(repeating: 0, count: capacity)
            libbpf_strerror(code, start, capacity)
            return String(cString: start)
        }
        return text.prefix(1).lowercased() + text.dropFirst()
    }
}
