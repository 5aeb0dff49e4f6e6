// SPDX-License-Identifier: Apache-2.0

import CBPF
import Glibc

/// Names on bpffs that keep maps, programs and links alive without a process.
public enum Pin {
    /// Mounts bpffs at `mountPoint` unless it is there.
    public static func ensureMounted(at mountPoint: String = "/sys/fs/bpf") throws(BPFError) {
        if isOnBPFFS(mountPoint) { return }
        try BPFError.check(mount("bpf", mountPoint, "bpf", 0, "mode=0700"), "mount bpffs at", mountPoint)
    }

    /// Whether `path` exists and lies on a bpffs.
    public static func isOnBPFFS(_ path: String) -> Bool {
        cbpf_is_bpffs(path)
    }

    /// Makes a directory and those above it, for root alone.
    public static func makeDirectory(_ path: String) throws(BPFError) {
        try Files.makeDirectories(path, mode: 0o700)
    }

    /// The names in a directory of pins, sorted; empty if there is no such directory.
    public static func list(_ directory: String) throws(BPFError) -> [String] {
        try exists(directory) ? try Files.names(in: directory) : []
    }

    /// Whether there is something of that name. Throws where that cannot be told: bpffs is root's alone.
    public static func exists(_ path: String) throws(BPFError) -> Bool {
        if access(path, F_OK) == 0 { return true }
        guard errno == ENOENT || errno == ENOTDIR else { throw BPFError("look for", path, code: errno) }
        return false
    }

    /// Removes a pin, and answers whether it was there; what it held goes when nobody else holds it.
    @discardableResult
    public static func remove(_ path: String) throws(BPFError) -> Bool {
        if unlink(path) == 0 { return true }
        if errno == ENOENT { return false }
        throw BPFError("remove pin", path, code: errno)
    }

    /// Removes a directory with all pins and directories in it; nothing to do if it is not there.
    public static func removeTree(_ directory: String) throws(BPFError) {
        for name in try list(directory) {
            let path = "\(directory)/\(name)"
            var status = stat()
            try BPFError.check(lstat(path, &status), "look at", path)
            if status.st_mode & S_IFMT == S_IFDIR {
                try removeTree(path)
            } else {
                try remove(path)
            }
        }
        if rmdir(directory) != 0 && errno != ENOENT { throw BPFError("remove directory", directory, code: errno) }
    }

    /// Renames a pin in one step; what was pinned at `new` before is released.
    public static func move(_ old: String, to new: String) throws(BPFError) {
        try BPFError.check(rename(old, new), "move pin \(old) to", new)
    }

    /// A file name for `name`: bpffs takes no dots, so `eth0.100` becomes `eth0%2e100`, and `%` becomes `%25`.
    public static func escaped(_ name: String) -> String {
        name.reduce(into: "") { escaped, character in
            switch character {
            case ".": escaped += "%2e"
            case "%": escaped += "%25"
            default: escaped.append(character)
            }
        }
    }

    /// The name that `escaped` made a file name of.
    public static func unescaped(_ name: String) -> String {
        let parts = name.split(separator: "%", omittingEmptySubsequences: false)
        return parts.dropFirst().reduce(into: String(parts[0])) { plain, part in
            plain += (part.hasPrefix("2e") ? "." : "%") + part.dropFirst(2)
        }
    }

    static func add(_ descriptor: Int32, at path: String) throws(BPFError) {
        LibbpfMessages.silence()
        let result = bpf_obj_pin(descriptor, path)
        guard result < 0 else { return }
        throw BPFError("pin", path, code: result, cause: result == -EPERM ? "not on a bpffs, or not permitted" : nil)
    }
}
