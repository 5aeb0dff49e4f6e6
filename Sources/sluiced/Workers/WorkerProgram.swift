// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The program of a process, told apart from what an upgrade puts in its place.
enum WorkerProgram {
    /// Of this process; its file may have been replaced since.
    static let own = identity(of: "/proc/self/exe")

    static func identity(of path: String) -> String {
        var status = stat()
        guard stat(path, &status) == 0 else { return "unknown" }
        return "\(status.st_dev):\(status.st_ino):\(status.st_size):\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
    }
}
