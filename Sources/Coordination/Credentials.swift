// SPDX-License-Identifier: Apache-2.0

import Glibc
import Storage

/// The PEM files of a TLS client, paths on this host.
public struct StoreTLS: Hashable, Sendable {
    /// The only authorities that are trusted; nil: the system's.
    public var authorityFile: String?
    public var certificateFile: String?
    public var keyFile: String?

    public init(authorityFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil) {
        self.authorityFile = authorityFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }

    var files: [String] { [authorityFile, certificateFile, keyFile].compactMap { $0 } }
}

/// Files that hold secrets: read anew each time they are needed, so that a rotated one takes effect without a restart.
enum SecretFile {
    /// The one word in a file; throws `StoreError.credentials` where it is missing, for everybody to read, or another.
    static func word(_ path: String) throws -> String {
        try checkMode(path)
        let bytes: [UInt8]
        do {
            bytes = try AtomicFile.read(path, limit: 1 << 16)
        } catch {
            throw StoreError.credentials("\(path) cannot be read: \(error.cause)")
        }
        let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard words.count == 1 else {
            throw StoreError.credentials("\(path) does not hold one word and nothing else")
        }
        return String(words[0])
    }

    static func checkMode(_ path: String) throws {
        guard try status(path).st_mode & 0o007 == 0 else {
            throw StoreError.credentials("\(path): everybody on this host may use it: chmod o= \(path)")
        }
    }

    /// What changes with a file's content.
    static func stamp(_ path: String) throws -> String {
        let status = try status(path)
        return "\(status.st_dev).\(status.st_ino).\(status.st_size).\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
    }

    private static func status(_ path: String) throws -> stat {
        var status = stat()
        guard stat(path, &status) == 0 else {
            let cause = strerror(errno).map { String(cString: $0) } ?? "error \(errno)"
            throw StoreError.credentials("\(path) cannot be read: \(cause)")
        }
        return status
    }
}
