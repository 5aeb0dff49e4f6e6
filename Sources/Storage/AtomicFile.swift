// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// Files that are there whole or not at all, whatever fails in between.
public enum AtomicFile {
    /// Writes a new file and lets it take the place of what was at `path`.
    ///
    /// The bytes are on the disk before the name is theirs, and the name before this returns. When it throws, the file
    /// at `path` is as it was; only a failure to sync the directory leaves the new one there.
    public static func write(_ bytes: some Collection<UInt8>, to path: String, mode: mode_t = 0o640)
        throws(StorageError)
    {
        let temporary = temporaryName(beside: path)
        do {
            try fill(temporary, with: Array(bytes), mode: mode, for: path)
            try check(rename(temporary, path), "write", path)
        } catch {
            unlink(temporary)
            throw error
        }
        try syncDirectory(of: path)
    }

    /// A whole file's bytes.
    ///
    /// - Parameter limit: a longer file is refused.
    public static func read(_ path: String, limit: Int = 256 << 20) throws(StorageError) -> [UInt8] {
        let file = try check(open(path, O_RDONLY | O_CLOEXEC), "read", path)
        defer { close(file) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(file, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            if count < 0 { throw StorageError("read", path, code: errno) }
            if count == 0 { return content }
            content += buffer[..<count]
            if content.count > limit { throw StorageError("read", path, code: EFBIG) }
        }
    }

    /// As `read`, and nil if there is no such file.
    public static func readIfPresent(_ path: String, limit: Int = 256 << 20) throws(StorageError) -> [UInt8]? {
        do {
            return try read(path, limit: limit)
        } catch  where error.errno == ENOENT {
            return nil
        }
    }

    /// Removes a file for good, and answers whether it was there.
    @discardableResult
    public static func remove(_ path: String) throws(StorageError) -> Bool {
        if unlink(path) != 0 {
            if errno == ENOENT { return false }
            throw StorageError("remove", path, code: errno)
        }
        try syncDirectory(of: path)
        return true
    }

    /// Whether `name` is one that a cut-off write leaves behind.
    static func isTemporary(_ name: String) -> Bool {
        name.hasPrefix(".") && name.hasSuffix(".tmp")
    }
}

extension AtomicFile {
    private static func fill(
        _ temporary: String, with bytes: [UInt8], mode: mode_t, for path: String
    ) throws(StorageError) {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC
        let file = try check(open(temporary, flags, 0o600), "write", path)
        var isOpen = true
        defer { if isOpen { close(file) } }
        try writeAll(bytes, to: file, path)
        try check(fchmod(file, mode), "write", path)
        try check(fsync(file), "write", path)
        isOpen = false
        // Some file systems tell only here that there was no room.
        try check(close(file), "write", path)
    }

    static func writeAll(_ bytes: [UInt8], to file: Int32, _ path: String) throws(StorageError) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { bytes in
                Glibc.write(file, bytes.baseAddress.map { $0 + written }, bytes.count - written)
            }
            if count < 0 && errno == EINTR { continue }
            if count < 0 { throw StorageError("write", path, code: errno) }
            written += count
        }
    }

    static func syncDirectory(of path: String) throws(StorageError) {
        let folder = folder(of: path)
        let directory = try check(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "sync", folder)
        defer { close(directory) }
        try check(fsync(directory), "sync", folder)
    }

    private static let number = Atomic<Int>(0)

    /// A name in the same directory, so that the rename stays within the file system.
    private static func temporaryName(beside path: String) -> String {
        let name = path.split(separator: "/").last.map { String($0) } ?? ""
        return "\(folder(of: path))/.\(name).\(getpid()).\(number.wrappingAdd(1, ordering: .relaxed).newValue).tmp"
    }

    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
