// SPDX-License-Identifier: Apache-2.0

import Glibc
import Storage
import TestSupport
import Testing

struct StateDirectoryTests {
    private let temporary: TemporaryDirectory
    private var path: String { temporary.path + "/lib/sluice" }

    init() throws {
        temporary = try TemporaryDirectory()
    }

    @Test func `files are kept by name, in folders below too`() throws {
        let directory = try StateDirectory(path)
        try directory.write(Array("{}".utf8), to: "manifest.json")
        try directory.write([1], to: "blobs/ab.json")
        #expect(try directory.names() == ["blobs", "manifest.json"])
        #expect(try directory.names(in: "blobs") == ["ab.json"])
        #expect(try directory.names(in: "none") == [])
        #expect(try directory.read("blobs/ab.json") == [1])
        #expect(try directory.read("absent") == nil)
        #expect(try directory.remove("blobs/ab.json"))
        #expect(try directory.read("blobs/ab.json") == nil)
    }

    @Test func `one holder at a time, and the error names it`() throws {
        let directory = try StateDirectory(path)
        let text = failure { _ = try StateDirectory(path) }
        #expect(text == "lock \(path): held by process \(getpid())")
        withExtendedLifetime(directory) {}
    }

    @Test func `the lock goes with its holder`() throws {
        do { _ = try StateDirectory(path) }
        _ = try StateDirectory(path)
    }

    @Test(.requires("flock")) func `another process that holds it is named, and its end frees it`() throws {
        do { _ = try StateDirectory(path) }
        // The shell writes its own number as a daemon would, and keeps the lock until its input ends.
        let holder = "exec 9<>\(path)/.lock; flock 9; echo $$ > \(path)/.lock; echo held > \(path)/told; cat"
        try #require(mkfifo(path + "/told", 0o600) == 0)
        let input = try #require(popen("sh -c '\(holder)' > /dev/null", "w"))
        let told = open(path + "/told", O_RDONLY)
        var byte: UInt8 = 0
        #expect(read(told, &byte, 1) == 1)
        close(told)
        let number = String(decoding: try AtomicFile.read(path + "/.lock").dropLast(), as: UTF8.self)
        #expect(failure { _ = try StateDirectory(path) } == "lock \(path): held by process \(number)")
        pclose(input)
        _ = try StateDirectory(path)
    }

    @Test func `what a cut-off write left is swept`() throws {
        let left = ["\(path)/.manifest.json.123.1.tmp", "\(path)/blobs/.ab.json.123.2.tmp"]
        try Shell.run("mkdir -p \(path)/blobs && echo half | tee \(left.joined(separator: " "))")
        let directory = try StateDirectory(path)
        #expect(left.allSatisfy { access($0, F_OK) != 0 })
        withExtendedLifetime(directory) {}
    }

    @Test func `a directory that cannot be made is named`() throws {
        try temporary.write("", to: "file")
        let text = failure { _ = try StateDirectory(temporary.path + "/file/state") }
        #expect(text == "make directory \(temporary.path)/file/state: Not a directory")
    }
}
