// SPDX-License-Identifier: Apache-2.0

import Diagnosis
import Glibc

/// Whether a folder can be written to, and how much fits.
enum DirectorySurvey {
    static func directory(_ path: String) -> Facts.Directory {
        guard access(path, F_OK) == 0 else {
            return Facts.Directory(path: path, exists: errno != ENOENT, refusal: text(of: errno), freeBytes: 0)
        }
        let refusal = access(path, W_OK) == 0 ? nil : text(of: errno)
        var space = statvfs()
        guard statvfs(path, &space) == 0 else {
            return Facts.Directory(path: path, refusal: refusal ?? text(of: errno), freeBytes: 0)
        }
        return Facts.Directory(
            path: path, refusal: refusal, freeBytes: UInt64(space.f_bavail) * UInt64(space.f_frsize),
            freeFiles: space.f_files == 0 ? nil : UInt64(space.f_favail))
    }

    private static func text(of code: Int32) -> String { strerror(code).map { String(cString: $0) } ?? "error \(code)" }
}
