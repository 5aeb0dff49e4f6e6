// SPDX-License-Identifier: Apache-2.0

import Glibc
import Model
import Templates
import TestSupport
import Testing

/// The programs that look at a file and that follow its writing.
@Suite struct CommandTests {
    @Test func `a command follows a write and no other`() async throws {
        try await withBench { bench in
            var definition = try bench.definition("new")
            definition.command = .shell("echo $SLUICE_TEMPLATE $SLUICE_TARGET >> \(bench.path)/ran")
            _ = try await bench.once(definition)
            _ = try await bench.once(definition)
            #expect(try bench.content("ran") == "t \(bench.path)/out\n")
        }
    }

    @Test func `a program is run without a shell`() async throws {
        try await withBench { bench in
            var definition = try bench.definition("new")
            definition.command = .program(["cp", "\(bench.path)/out", "\(bench.path)/a $b"])
            #expect(try await bench.once(definition) == "written")
            #expect(try bench.content("a $b") == "new")
        }
    }

    @Test func `what a check refuses is not written`() async throws {
        try await withBench { bench in
            try bench.directory.write("old", to: "out")
            var definition = try bench.definition("new")
            definition.validate = .shell("echo line 1 is bad; grep -q good {path}")
            let cause = try await bench.once(definition)
            #expect(cause.hasSuffix(": exit status 1: line 1 is bad"))
            #expect(try bench.content("out") == "old")
            #expect(try Shell.run("ls -A \(bench.path)") == "out\nsource\nstate\n")
        }
    }

    @Test func `a check sees the new content in the same directory`() async throws {
        try await withBench { bench in
            var definition = try bench.definition("new")
            definition.validate = .shell("test $(dirname {path}) = \(bench.path) && grep -q new {path}")
            #expect(try await bench.once(definition) == "written")
        }
    }

    @Test func `a command that takes too long is ended with all that it started`() async throws {
        try await withBench { bench in
            var definition = try bench.definition("new")
            definition.timeout = .milliseconds(300)
            definition.command = .shell("sleep 600 & echo $! > \(bench.path)/child; wait")
            let cause = try await bench.once(definition)
            #expect(cause.contains("not done after 0.3 seconds, ended"))
            let child = try Shell.run("cat \(bench.path)/child").split(separator: "\n").first.flatMap { pid_t($0) }
            let process = try #require(child)
            try await awaited("the child's end") { kill(process, 0) != 0 }
        }
    }

    @Test func `a command that will not end is killed`() async throws {
        try await withBench { bench in
            var definition = try bench.definition("new")
            definition.timeout = .milliseconds(100)
            definition.command = .shell("trap '' TERM; while :; do sleep 1; done")
            let cause = try await bench.once(definition)
            #expect(cause.contains("ended"))
        }
    }

    @Test func `a server that a command starts may live on`() async throws {
        try await withBench { bench in
            var definition = try bench.definition("new")
            definition.command = .shell("sleep 600 & echo $! > \(bench.path)/child")
            #expect(try await bench.once(definition) == "written")
            try Shell.run("kill $(cat \(bench.path)/child)")
        }
    }

    @Test func `a command that failed is due at the next start`() async throws {
        try await withBench { bench in
            var definition = try bench.definition("new")
            definition.command = .shell("test -e \(bench.path)/ready && echo ran >> \(bench.path)/ran")
            let cause = try await bench.once(definition)
            #expect(cause.hasSuffix("exit status 1"))
            #expect(try bench.content("out") == "new")
            try bench.directory.write("", to: "ready")
            #expect(try await bench.once(definition) == "unchanged")
            #expect(try await bench.once(definition) == "unchanged")
            #expect(try bench.content("ran") == "ran\n")
        }
    }

    @Test func `a command that fails is tried again until it succeeds`() async throws {
        try await withBench { bench in
            var definition = try bench.definition("new")
            definition.command = .shell(
                "echo x >> \(bench.path)/tries; test $(wc -l < \(bench.path)/tries) = 2 && touch \(bench.path)/done")
            try await whileFollowing(bench, definition) {
                try await awaited("the second try") { try bench.content("done") != nil }
            }
        }
    }

    @Test func `a changed template is written again`() async throws {
        try await withBench { bench in
            let definition = try bench.definition("one")
            try await whileFollowing(bench, definition) {
                try await awaited("the first") { try bench.content("out") == "one" }
                try bench.directory.write("two two", to: "source")
                try await awaited("the second") { try bench.content("out") == "two two" }
            }
        }
    }

    @Test func `a command that runs is ended with the one who follows`() async throws {
        try await withBench { bench in
            var definition = try bench.definition("new")
            definition.command = .shell("echo $$ > \(bench.path)/pid; sleep 600")
            try await whileFollowing(bench, definition) {
                try await awaited("the command") { try bench.content("pid")?.hasSuffix("\n") == true }
            }
            let text = try Shell.run("cat \(bench.path)/pid")
            let process = try #require(pid_t(text.dropLast()))
            #expect(kill(process, 0) != 0)
        }
    }
}

/// Follows a template for the time of a test.
func whileFollowing(
    _ bench: Bench, _ definitions: TemplateDefinition..., body: () async throws -> Void
) async throws {
    let pending = try await bench.pending()
    let runner = bench.runner(definitions)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await runner.follow(pending) }
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await body())
        } catch {
            outcome = .failure(error)
        }
        group.cancelAll()
        try await group.waitForAll()
        try outcome.get()
    }
}
