// SPDX-License-Identifier: Apache-2.0

import Glibc
import Model
import Templates
import TestSupport
import Testing

/// What becomes of a file, without any Consul.
@Suite struct FileTests {
    @Test func `a file is written once`() async throws {
        try await withBench { bench in
            let definition = try bench.definition("on {{host}}\n")
            #expect(try await bench.once(definition) == "written")
            #expect(try bench.content("out") == "on edge-1\n")
            #expect(try await bench.once(definition) == "unchanged")
        }
    }

    @Test func `what was there lies beside it`() async throws {
        try await withBench { bench in
            try bench.directory.write("old", to: "out")
            #expect(try await bench.once(text: "new") == "written")
            #expect(try bench.content("out.bak") == "old")
        }
    }

    @Test func `no backup is kept where none is wanted`() async throws {
        try await withBench { bench in
            try bench.directory.write("old", to: "out")
            var definition = try bench.definition("new")
            definition.target = .file(.init(path: bench.path + "/out", keepsBackup: false))
            #expect(try await bench.once(definition) == "written")
            #expect(try bench.content("out.bak") == nil)
        }
    }

    @Test(.requires("root")) func `mode and owner stay`() async throws {
        try await withBench { bench in
            let file = try bench.directory.write("old", to: "out")
            try Shell.run("chmod 0604 \(file) && chown 12345:23456 \(file)")
            #expect(try await bench.once(text: "new") == "written")
            #expect(try Shell.run("stat -c '%a %u %g' \(file) \(file).bak") == "604 12345 23456\n604 12345 23456\n")
        }
    }

    @Test(.requires("root")) func `mode and owner become what is asked for`() async throws {
        try await withBench { bench in
            let file = try bench.directory.write("same", to: "out")
            var definition = try bench.definition("same")
            definition.target = .file(.init(path: file, mode: 0o444, owner: "1", group: "daemon"))
            #expect(try await bench.once(definition) == "written")
            #expect(try Shell.run("stat -c '%a %u %G' \(file)") == "444 1 daemon\n")
        }
    }

    @Test func `a new file is for its owner and group`() async throws {
        try await withBench { bench in
            _ = try await bench.once(text: "new")
            #expect(try Shell.run("stat -c %a \(bench.path)/out") == "640\n")
        }
    }

    @Test func `a symbolic link is not followed`() async throws {
        try await withBench { bench in
            try bench.directory.write("old", to: "real")
            try Shell.run("ln -s real \(bench.path)/out")
            let file = "\(bench.path)/out"
            #expect(
                try await bench.once(text: "new")
                    == "write \(file): it is a symbolic link; name the file that it leads to")
            #expect(try bench.content("real") == "old")
        }
    }

    @Test func `a directory is not written`() async throws {
        try await withBench { bench in
            try Shell.run("mkdir \(bench.path)/out")
            #expect(
                try await bench.once(text: "new") == "write \(bench.path)/out: it is a directory")
        }
    }

    @Test func `a place that is missing is named`() async throws {
        try await withBench { bench in
            let cause = try await bench.once(text: "new", to: "no/out")
            #expect(cause == "write \(bench.path)/no/out: No such file or directory")
        }
    }

    @Test(.requires("root")) func `in a read-only place the old content stays`() async throws {
        try await withBench { bench in
            try await Self.withMount(bench, "size=64k") { place in
                try Shell.run("echo old > \(place)/out && mount -o remount,ro \(place)")
                #expect(
                    try await bench.once(text: "new", to: place + "/out")
                        == "write \(place)/out: Read-only file system")
                #expect(try bench.content(place + "/out") == "old\n")
            }
        }
    }

    @Test(.requires("root")) func `on a full disk the old content stays and nothing is left behind`() async throws {
        try await withBench { bench in
            try await Self.withMount(bench, "size=16k") { place in
                try Shell.run("echo old > \(place)/out && cat /dev/zero > \(place)/filler || true")
                #expect(
                    try await bench.once(text: "new", to: place + "/out")
                        == "write \(place)/out: No space left on device")
                #expect(try bench.content(place + "/out") == "old\n")
                #expect(try Shell.run("ls -A \(place)") == "filler\nout\n")
            }
        }
    }

    @Test func `a bad template leaves the file as it is`() async throws {
        try await withBench { bench in
            try bench.directory.write("old", to: "out")
            let definition = try bench.definition("a\n{{#services.web}}")
            #expect(
                try await bench.once(definition)
                    == "\(bench.path)/source:2:1: no 'web' under this template's 'services'")
            #expect(try bench.content("out") == "old")
        }
    }

    @Test func `a template that is missing is waited for`() async throws {
        try await withBench { bench in
            var definition = try bench.definition("")
            definition.source = .file("/nowhere")
            #expect(
                try await bench.once(definition)
                    == "waits for read /nowhere: No such file or directory")
        }
    }

    @Test func `a preview prints and writes nothing`() async throws {
        try await withBench { bench in
            let definition = try bench.definition("new")
            #expect(try await bench.preview(definition) == "differs: new")
            #expect(try bench.content("out") == nil)
            _ = try await bench.once(definition)
            #expect(try await bench.preview(definition) == "unchanged: new")
        }
    }

    @Test func `two processes do not write the same templates`() async throws {
        try await withBench { bench in
            let first = try await bench.pending()
            #expect(throws: (any Error).self) { try PendingCommands(bench.path + "/state") }
            withExtendedLifetime(first) {}
        }
    }

    /// A file system of its own, for the time of a test.
    private static func withMount(
        _ bench: Bench, _ options: String, _ body: (String) async throws -> Void
    ) async throws {
        let place = bench.path + "/mount"
        try Shell.run("mkdir \(place) && mount -t tmpfs -o \(options) none \(place)")
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await body(place))
        } catch {
            outcome = .failure(error)
        }
        try Shell.run("umount \(place)")
        try outcome.get()
    }
}
