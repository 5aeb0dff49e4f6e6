// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What this process holds open.
public enum Descriptors {
    /// The descriptors whose target says what `kind` says: `bpf-map`, `bpf-prog`, `bpf_link`, `socket`.
    ///
    /// Tests run side by side in one process, so a test of leaks counts a kind that no other test uses, or runs alone.
    public static func count(of kind: String) -> Int {
        guard let stream = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(stream) }
        var count = 0
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            var target = [CChar](repeating: 0, count: 256)
            guard readlink("/proc/self/fd/\(name)", &target, target.count - 1) > 0 else { continue }
            let text = target.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if text.contains(kind) { count += 1 }
        }
        return count
    }
}
