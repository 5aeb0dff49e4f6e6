// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A directory whose files are written whole, held by one process at a time.
public final class StateDirectory: Sendable {
    public let path: String
    private let lock: Int32

    /// Makes the directory if it is missing, takes its lock (flock(2)), and removes what cut-off writes left.
    ///
    /// Throws at once, with the holder's process number, while another process has the lock. It is held until this
    /// object goes or the process ends.
    public init(_ path: String, mode: mode_t = 0o750) throws(StorageError) {
        try Self.makeDirectories(path, mode: mode)
        self.path = path
        lock = try Self.takeLock("\(path)/\(Self.lockName)", of: path)
        do {
            try sweep(path)
            for name in try names() { try sweep("\(path)/\(name)") }
        } catch {
            close(lock)
            throw error
        }
    }

    deinit {
        close(lock)
    }

    /// Writes the file `name`, which may lie in a directory below: `blobs/….json`.
    public func write(_ bytes: some Collection<UInt8>, to name: String, mode: mode_t = 0o640) throws(StorageError) {
        let parts = name.split(separator: "/")
        if parts.count > 1 {
            try Self.makeDirectories("\(path)/\(parts.dropLast().joined(separator: "/"))", mode: 0o750)
        }
        try AtomicFile.write(bytes, to: "\(path)/\(name)", mode: mode)
    }

    /// The file's bytes, or nil if there is none of that name.
    public func read(_ name: String) throws(StorageError) -> [UInt8]? {
        try AtomicFile.readIfPresent("\(path)/\(name)")
    }

    /// Removes the file `name`, and answers whether it was there.
    @discardableResult
    public func remove(_ name: String) throws(StorageError) -> Bool {
        try AtomicFile.remove("\(path)/\(name)")
    }

    /// The names in the directory, or in one below it, sorted; a missing one has none.
    public func names(in folder: String = "") throws(StorageError) -> [String] {
        try Self.entries(of: folder.isEmpty ? path : "\(path)/\(folder)")
            .filter { $0 != Self.lockName && !AtomicFile.isTemporary($0) }
    }
}

extension StateDirectory {
    private static let lockName = ".lock"

    /// Removes what cut-off writes left in a directory.
    private func sweep(_ directory: String) throws(StorageError) {
        for name in try Self.entries(of: directory) where AtomicFile.isTemporary(name) {
            try AtomicFile.remove("\(directory)/\(name)")
        }
    }

    /// All names, sorted; none if it is missing or no directory.
    private static func entries(of directory: String) throws(StorageError) -> [String] {
        guard let stream = opendir(directory) else {
            if errno == ENOENT || errno == ENOTDIR { return [] }
            throw StorageError("list", directory, code: errno)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    private static func takeLock(_ file: String, of path: String) throws(StorageError) -> Int32 {
        let lock = try check(open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o640), "lock", path)
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            defer { close(lock) }
            guard code == EWOULDBLOCK else { throw StorageError("lock", path, code: code) }
            throw StorageError(
                operation: "lock", path: path, cause: "held by \(holder(lock))", errno: code)
        }
        // For the other's error alone: the kernel keeps the lock, not these digits.
        let number = Array("\(getpid())\n".utf8)
        if ftruncate(lock, 0) != 0 || pwrite(lock, number, number.count, 0) != number.count {
            let code = errno
            close(lock)
            throw StorageError("lock", path, code: code)
        }
        return lock
    }

    private static func holder(_ lock: Int32) -> String {
        var digits = [UInt8](repeating: 0, count: 16)
        let count = pread(lock, &digits, digits.count, 0)
        let number = String(decoding: digits.prefix(max(0, count)).prefix { $0 != 10 }, as: UTF8.self)
        return Int32(number).map { "process \($0)" } ?? "another process"
    }

    private static func makeDirectories(_ path: String, mode: mode_t) throws(StorageError) {
        var partial = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            partial += "/\(part)"
            if mkdir(partial, mode) != 0 && errno != EEXIST {
                throw StorageError("make directory", partial, code: errno)
            }
        }
    }
}
