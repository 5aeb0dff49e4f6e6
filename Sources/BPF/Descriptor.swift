// SPDX-License-Identifier: Apache-2.0

import CBPF
import Glibc

/// A file descriptor that is closed with its last owner.
final class Descriptor: Sendable {
    let number: Int32

    init(owning number: Int32) {
        self.number = number
    }

    /// A second descriptor of what `number` names, as fcntl(2) makes it.
    convenience init(duplicating number: Int32, of subject: String) throws(BPFError) {
        self.init(owning: try BPFError.check(fcntl(number, F_DUPFD_CLOEXEC, 3), "duplicate", subject))
    }

    /// What lies behind a pin; the kernel's answers about one kind read as nonsense for another, not as errors.
    enum Kind: String {
        case map = "bpf-map"
        case program = "bpf-prog"
        case link = "bpf-link"
    }

    /// Opens what is pinned at `path` on bpffs, if it is of that kind.
    convenience init(pinned path: String, as kind: Kind, _ operation: String) throws(BPFError) {
        self.init(owning: try BPFError.check(bpf_obj_get(path), operation, path))
        var target = [CChar](repeating: 0, count: 64)
        guard readlink("/proc/self/fd/\(number)", &target, target.count - 1) > 0 else {
            throw BPFError(operation, path, code: errno)
        }
        let name = target.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        // Older kernels say `bpf_link`.
        let found = name.split(separator: ":").last.map { String($0.map { $0 == "_" ? "-" : $0 }) } ?? ""
        guard found == kind.rawValue else {
            throw BPFError(operation: operation, subject: path, cause: "another kind of pin: \(found)")
        }
    }

    deinit {
        close(number)
    }
}
