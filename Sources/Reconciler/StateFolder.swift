// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Directories below the state directory, and what lies in them. The flow hash's secret is in the files, so all is the
/// daemon's alone.
enum StateFolder {
    /// Makes it where it is missing; refuses one that others may write to.
    static func makeDirectory(_ path: String) throws {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw failure("make", path) }
        var status = stat()
        guard stat(path, &status) == 0 else { throw failure("look at", path) }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw StateError("open", path, "no directory", remedy: "move it away")
        }
        guard status.st_mode & 0o022 == 0 else {
            throw StateError(
                "open", path, "others may write to it (mode 0\(String(status.st_mode & 0o777, radix: 8)))",
                remedy: "chmod go-w \(path)", errno: EPERM)
        }
    }

    static func list(_ path: String) throws -> [String] {
        guard let directory = opendir(path) else { throw failure("list", path) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    static func remove(_ path: String) throws {
        guard unlink(path) == 0 || errno == ENOENT else { throw failure("remove", path) }
    }

    private static func failure(_ operation: String, _ path: String) -> StateError {
        let code = errno
        return StateError(operation, path, String(cString: strerror(code)), errno: code)
    }
}
