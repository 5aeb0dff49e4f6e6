// SPDX-License-Identifier: Apache-2.0

/// Where the sources lie, for tests that compile `bpf/` or run `tools/`.
public enum RepositoryRoot {
    /// Three levels above this file.
    public static let path: String = {
        let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        return parts.dropLast(3).joined(separator: "/")
    }()

    /// Compiled programs of the kernel's, found again by their digest: one cache for all tests and runs.
    public static let objectCache = path + "/.build/bpf-cache"
}
