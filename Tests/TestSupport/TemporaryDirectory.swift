// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// A directory for one test, removed with all that is in it when the test lets go of it.
public final class TemporaryDirectory: Sendable {
    public let path: String

    public init() throws {
        var pattern = Array("/tmp/sluice-test-XXXXXX".utf8CString)
        guard mkdtemp(&pattern) != nil else { throw SystemError("make a temporary directory") }
        path = pattern.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// Writes a file below the directory, and answers its path.
    @discardableResult
    public func write(_ text: String, to name: String) throws -> String {
        let file = "\(path)/\(name)"
        guard let stream = fopen(file, "w") else { throw SystemError("write \(file)") }
        let written = fputs(text, stream)
        guard fclose(stream) == 0 && written >= 0 else { throw SystemError("write \(file)") }
        return file
    }

    deinit {
        removeTree(path)
    }
}

/// A directory for one test's pins, `/sys/fs/bpf/sluice-test-<pid>-<n>`, removed with them when the test lets go of it.
public final class PinDirectory: Sendable {
    public let path: String
    private static let number = Atomic<Int>(0)

    public init() throws {
        path = "/sys/fs/bpf/sluice-test-\(getpid())-\(Self.number.wrappingAdd(1, ordering: .relaxed).newValue)"
        guard mkdir(path, 0o700) == 0 else { throw SystemError("make \(path)") }
    }

    deinit {
        removeTree(path)
    }
}

/// A failed call of a test's set-up: `write /tmp/x: No space left on device`.
public struct SystemError: Error, CustomStringConvertible {
    public let description: String

    /// Takes the cause from errno, so it must be made right after the call.
    public init(_ operation: String) {
        let code = errno
        description = "\(operation): \(strerror(code).map { String(cString: $0) } ?? "error \(code)")"
    }

    public init(_ operation: String, cause: String) {
        description = "\(operation): \(cause)"
    }
}

/// Removes a file, or a directory with all in it.
private func removeTree(_ path: String) {
    if let stream = opendir(path) {
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        closedir(stream)
        for name in names where name != "." && name != ".." { removeTree("\(path)/\(name)") }
    }
    remove(path)
}
