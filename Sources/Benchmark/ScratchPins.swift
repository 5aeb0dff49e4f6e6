// SPDX-License-Identifier: Apache-2.0

import BPF
import Glibc

/// Where a benchmark's maps and programs are pinned: apart from the host's own, `/sys/fs/bpf/sluice-bench-<pid>`.
enum ScratchPins {
    static var root: String { "\(mountPoint)/\(prefix)\(getpid())" }

    /// Removes this process's pins, and those of processes that were killed before they could.
    static func remove() throws(BPFError) {
        for name in try Pin.list(mountPoint) where name.hasPrefix(prefix) {
            guard let process = pid_t(name.dropFirst(prefix.count)) else { continue }
            let isGone = kill(process, 0) != 0 && errno == ESRCH
            if process == getpid() || isGone { try Pin.removeTree("\(mountPoint)/\(name)") }
        }
    }

    private static let mountPoint = "/sys/fs/bpf"
    private static let prefix = "sluice-bench-"
}
