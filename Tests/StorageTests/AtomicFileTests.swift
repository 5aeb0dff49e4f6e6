// SPDX-License-Identifier: Apache-2.0

import Glibc
import Storage
import TestSupport
import Testing

struct AtomicFileTests {
    private let directory: TemporaryDirectory
    private var path: String { directory.path + "/generation" }

    init() throws {
        directory = try TemporaryDirectory()
    }

    @Test func `what is written is read`() throws {
        try AtomicFile.write([1, 2, 3], to: path, mode: 0o600)
        #expect(try AtomicFile.read(path) == [1, 2, 3])
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
        try AtomicFile.write([UInt8](), to: path)
        #expect(try AtomicFile.read(path) == [])
        #expect(try AtomicFile.remove(path))
        #expect(try !AtomicFile.remove(path))
    }

    @Test func `errors name operation, path and cause`() throws {
        #expect(failure { _ = try AtomicFile.read(path) } == "read \(path): No such file or directory")
        #expect(try AtomicFile.readIfPresent(path) == nil)
        #expect(
            failure { try AtomicFile.write([1], to: "/nowhere/x") } == "write /nowhere/x: No such file or directory")
        try AtomicFile.write([1, 2, 3], to: path)
        #expect(failure { _ = try AtomicFile.read(path, limit: 2) } == "read \(path): File too large")
    }

    @Test func `readers see the old file or the new one, whole`() async throws {
        let path = path
        let sizes = [10, 400_000]
        try AtomicFile.write([UInt8](repeating: 10, count: sizes[0]), to: path)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for round in 0..<20 { try AtomicFile.write([UInt8](repeating: 1, count: sizes[round & 1]), to: path) }
            }
            group.addTask {
                for _ in 0..<100 {
                    let count = try AtomicFile.read(path).count
                    #expect(sizes.contains(count))
                }
            }
            try await group.waitForAll()
        }
    }

    @Test(.requires("root")) func `a full disk leaves the old file, and nothing else`() throws {
        try Shell.run("mount -t tmpfs -o size=64k sluice-test \(directory.path)")
        defer { umount2(directory.path, Int32(MNT_DETACH)) }
        try AtomicFile.write([1, 2, 3], to: path)
        let text = failure { try AtomicFile.write([UInt8](repeating: 7, count: 100_000), to: path) }
        #expect(text == "write \(path): No space left on device")
        #expect(try AtomicFile.read(path) == [1, 2, 3])
        #expect(try Shell.run("ls -A \(directory.path)") == "generation\n")
    }

    @Test func `the digest is SHA-256`() {
        #expect(
            Digest.sha256hex(Array("abc".utf8)) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            Digest.sha256hex([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }
}

/// The error that `body` throws, as its description.
func failure(_ body: () throws -> Void) -> String {
    do {
        try body()
        return "no error"
    } catch {
        return "\(error)"
    }
}
