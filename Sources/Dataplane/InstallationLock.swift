// SPDX-License-Identifier: Apache-2.0

import BPF
import Glibc

/// Keeps other daemons off one set of pins: flock(2) on the root directory itself, which ends with the process.
final class InstallationLock: Sendable {
    private let descriptor: Int32

    /// - Throws: at once, while another process holds it.
    init(_ root: String) throws(BPFError) {
        let descriptor = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.error(root, errno, nil) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            throw Self.error(root, code, code == EWOULDBLOCK ? "another sluiced runs with these pins" : nil)
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    private static func error(_ root: String, _ code: Int32, _ cause: String?) -> BPFError {
        let text = strerror(code).map { String(cString: $0) } ?? "error \(code)"
        return BPFError(operation: "lock", subject: root, cause: cause ?? text, errno: code)
    }
}
