// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The few looks at the file system that this module needs.
enum Files {
    /// A whole file's bytes.
    static func bytes(of path: String) throws(BPFError) -> [UInt8] {
        let file = Descriptor(owning: try BPFError.check(open(path, O_RDONLY | O_CLOEXEC), "open", path))
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(file.number, &buffer, buffer.count)
            if count < 0 { throw BPFError("read", path, code: errno) }
            if count == 0 { return content }
            content += buffer[..<count]
        }
    }

    /// The names in a directory, sorted by their bytes, without `.` and `..`.
    static func names(in directory: String) throws(BPFError) -> [String] {
        guard let stream = opendir(directory) else { throw BPFError("list", directory, code: errno) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Makes a directory and those above it, as far as they are missing.
    static func makeDirectories(_ path: String, mode: mode_t) throws(BPFError) {
        var partial = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            partial += "/\(part)"
            if mkdir(partial, mode) != 0 && errno != EEXIST {
                throw BPFError("make directory", partial, code: errno)
            }
        }
    }

    static func isExecutable(_ path: String) -> Bool {
        access(path, X_OK) == 0
    }

    /// The first executable of that name in the folders of `PATH`.
    static func executable(_ name: String) -> String? {
        guard let folders = getenv("PATH").map({ String(cString: $0) }) else { return nil }
        return folders.split(separator: ":").map { "\($0)/\(name)" }.first(where: isExecutable)
    }
}
