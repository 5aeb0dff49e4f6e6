// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A file that only its owner and group may read.
enum PrivateFile {
    /// What tells one content of a file from another without reading it.
    struct Stamp: Hashable, Sendable {
        let device: UInt
        let inode: UInt
        let size: Int
        let seconds: Int
        let nanoseconds: Int
    }

    /// Throws `credentials` where it is missing or everybody may read it.
    static func read(_ path: String, operation: String, bytesMax: Int = 1 << 16) throws -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw failure(operation, path) }
        defer { close(file) }
        try check(file, path, operation)
        var bytes = [UInt8](repeating: 0, count: bytesMax)
        let count = Glibc.read(file, &bytes, bytes.count)
        guard count >= 0 else { throw failure(operation, path) }
        return Array(bytes.prefix(count))
    }

    /// Throws `credentials` where it is missing, or where it is a secret that everybody may read.
    static func stamp(_ path: String, secret: Bool, operation: String) throws -> Stamp {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw failure(operation, path) }
        defer { close(file) }
        if secret { try check(file, path, operation) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw failure(operation, path) }
        return Stamp(
            device: UInt(status.st_dev), inode: UInt(status.st_ino), size: Int(status.st_size),
            seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
    }

    private static func check(_ file: Int32, _ path: String, _ operation: String) throws {
        var status = stat()
        guard fstat(file, &status) == 0 else { throw failure(operation, path) }
        guard status.st_mode & 0o007 == 0 else {
            throw ConsulError(
                .credentials, operation, cause: "\(path): everybody on this host may use it; chmod o= \(path)")
        }
    }

    private static func failure(_ operation: String, _ path: String) -> ConsulError {
        let cause = strerror(errno).map { String(cString: $0) } ?? "error \(errno)"
        return ConsulError(.credentials, operation, cause: "read \(path): \(cause)")
    }
}

/// The token in a file, read each time.
enum TokenFile {
    /// Throws `credentials` where the file is missing, readable by everybody, or holds something else.
    static func token(_ path: String, operation: String) throws -> String {
        let text = String(decoding: try PrivateFile.read(path, operation: operation), as: UTF8.self)
        let words = text.split { $0.isWhitespace }
        guard words.count == 1, let word = words.first, word.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw ConsulError(.credentials, operation, cause: "\(path) does not hold one token and nothing else")
        }
        return String(word)
    }
}
