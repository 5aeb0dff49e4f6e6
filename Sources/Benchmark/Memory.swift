// SPDX-License-Identifier: Apache-2.0

import BPF
import Dataplane
import Glibc

/// What the maps take in the kernel, and this process beside them; bytes.
public struct Memory: Hashable, Sendable {
    /// As the kernel accounts it, whether written to or not.
    public let maps: UInt64
    /// The process's own memory that is in RAM.
    public let process: UInt64
    /// Pages of the maps that the process has mapped and touched, and of its program's file.
    public let shared: UInt64

    init(pinnedAt root: String) throws {
        let paths = PinPaths(root: root)
        maps = try Pin.list(paths.maps).reduce(0) { sum, name in
            let map = try Map.open(pinned: "\(paths.maps)/\(name)")
            let bytes = try Self.number("memlock:", in: "/proc/self/fdinfo/\(map.descriptor)")
            return sum + withExtendedLifetime(map) { bytes }
        }
        let status = "/proc/self/status"
        process = try Self.number("RssAnon:", in: status) * 1024
        shared = try (Self.number("RssFile:", in: status) + Self.number("RssShmem:", in: status)) * 1024
    }

    /// The number behind a word at the start of a line, see proc(5).
    private static func number(_ word: String, in path: String) throws -> UInt64 {
        guard let file = fopen(path, "re") else { throw BenchmarkError("open \(path)", code: errno) }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = line.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            let parts = text.split(whereSeparator: \.isWhitespace)
            if parts.count >= 2, parts[0] == word, let number = UInt64(parts[1]) { return number }
        }
        throw BenchmarkError("read \(path)", cause: "it has no line \(word)")
    }
}
