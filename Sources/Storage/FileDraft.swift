// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A file as it lies at a path that is to be replaced: no link, nothing but a file.
public struct FileState: Sendable {
    public let bytes: [UInt8]
    public let mode: mode_t
    public let owner: uid_t
    public let group: gid_t

    /// Nil where there is nothing. Throws where something else than a file is there: what leads elsewhere, or is a
    /// directory or a device, is not replaced.
    public init?(_ path: String, limit: Int = 64 << 20) throws(StorageError) {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return nil }
            throw StorageError("write", path, code: errno)
        }
        let kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: ""
            case S_IFLNK: "it is a symbolic link; name the file that it leads to"
            case S_IFDIR: "it is a directory"
            default: "it is a device, pipe or socket, not a file"
            }
        guard kind.isEmpty else { throw StorageError(operation: "write", path: path, cause: kind) }
        bytes = try AtomicFile.read(path, limit: limit)
        mode = status.st_mode & 0o7777
        owner = status.st_uid
        group = status.st_gid
    }
}

/// A new content beside the file whose place it is to take, to be looked at before.
public struct FileDraft: Sendable {
    /// Where it lies now: in the same directory, its name begins with a dot.
    public let path: String
    public let target: String

    /// Writes it, synced. Throws with the target's name, and leaves nothing.
    ///
    /// One process at a time writes drafts of a target: one that a cut-off write left is taken away.
    public init(
        _ bytes: some Collection<UInt8>, for target: String, mode: mode_t, owner: uid_t, group: gid_t
    ) throws(StorageError) {
        self.target = target
        path = AtomicFile.folder(of: target) + "/.\(target.split(separator: "/").last ?? "").sluice.tmp"
        unlink(path)
        do {
            let file = try check(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600), "write", target)
            var isOpen = true
            defer { if isOpen { close(file) } }
            try AtomicFile.writeAll(Array(bytes), to: file, target)
            if owner != geteuid() || group != getegid() {
                try check(fchown(file, owner, group), "set the owner of", target)
            }
            // After the owner, which takes bits away.
            try check(fchmod(file, mode), "write", target)
            try check(fsync(file), "write", target)
            isOpen = false
            try check(close(file), "write", target)
        } catch {
            unlink(path)
            throw error
        }
    }

    /// Takes the target's place. When it throws, the file there is as it was.
    public func commit() throws(StorageError) {
        guard rename(path, target) == 0 else {
            let code = errno
            unlink(path)
            throw StorageError("write", target, code: code)
        }
        try AtomicFile.syncDirectory(of: target)
    }

    public func discard() { unlink(path) }
}
