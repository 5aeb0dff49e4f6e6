// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport
import Testing

@testable import BPF

@Suite(.requires("clang")) struct CompilerTests {
    @Test func `an object is compiled once and then found`() throws {
        let sample = try Sample()
        let source = try sample.directory.write(Sample.preamble + Sample.dropping, to: "a.bpf.c")
        let first = try sample.compiler.compile(source: source)
        let second = try sample.compiler.compile(source: source)
        #expect(!first.cached && second.cached)
        #expect(first.path == second.path && first.digest == second.digest)
        #expect(try sample.cached() == 1)
    }

    @Test func `a changed source, header, include folder or define gives another object`() throws {
        let sample = try Sample()
        let source = try sample.directory.write(Sample.preamble + Sample.dropping, to: "a.bpf.c")
        mkdir("\(sample.directory.path)/include", 0o755)
        let include = ["\(sample.directory.path)/include"]
        var digests: Set = [try sample.compiler.compile(source: source, include: include).digest]
        digests.insert(try sample.compiler.compile(source: source, include: include, defines: [("N", "1")]).digest)
        try sample.directory.write("/* beside */", to: "beside.h")
        digests.insert(try sample.compiler.compile(source: source, include: include).digest)
        try sample.directory.write("/* included */", to: "include/included.h")
        digests.insert(try sample.compiler.compile(source: source, include: include).digest)
        try sample.directory.write(Sample.preamble + Sample.dropping + "/* end */", to: "a.bpf.c")
        digests.insert(try sample.compiler.compile(source: source, include: include).digest)
        #expect(digests.count == 5)
    }

    @Test func `an error carries clang's first line, and nothing is left in the cache`() throws {
        let sample = try Sample()
        let source = try sample.directory.write("int broken(void) { return missing; }\n", to: "a.bpf.c")
        let text = failure { _ = try sample.compiler.compile(source: source) }
        #expect(text.hasPrefix("compile a.bpf.c: \(source):1:27: error: use of undeclared identifier 'missing'"))
        #expect(try sample.cached() == 0)
    }

    @Test func `a warning is an error`() throws {
        let sample = try Sample()
        let source = try sample.directory.write("int idle(void) { int spare; return 0; }\n", to: "a.bpf.c")
        #expect(failure { _ = try sample.compiler.compile(source: source) }.contains("unused variable 'spare'"))
    }

    @Test func `a compiler that cannot be executed is named`() throws {
        let sample = try Sample()
        let source = try sample.directory.write(Sample.dropping, to: "a.bpf.c")
        let compiler = Compiler(clang: "/nowhere/clang", cache: sample.directory.path)
        let text = failure { _ = try compiler.compile(source: source) }
        #expect(text == "look at /nowhere/clang: no such file or directory (ENOENT)")
    }

    @Test func `several at once leave one whole object`() async throws {
        let sample = try Sample()
        let source = try sample.directory.write(Sample.preamble + Sample.dropping, to: "a.bpf.c")
        let compiler = sample.compiler
        let paths = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<3 { group.addTask { try compiler.compile(source: source).path } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(paths.count == 1)
        #expect(try sample.cached() == 1)
    }
}

extension Sample {
    /// How many files the compiler's cache holds, temporary ones too.
    fileprivate func cached() throws -> Int {
        try Shell.run("ls -A \(directory.path)/cache 2>/dev/null | wc -l")
            .split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) } ?? 0
    }
}

struct CommandTests {
    @Test func `a program's output and exit status are told`() throws {
        let outcome = try Command(
            path: "/bin/sh", arguments: ["-c", "echo out; echo err >&2; exit 3"], limit: .seconds(9)
        )
        .run()
        #expect(outcome.output == "out\nerr\n" && outcome.status == 3)
    }

    @Test(arguments: ["sleep 60", "exec >&- 2>&-; sleep 60"])
    func `a program that does not end is killed when its time is over`(script: String) {
        let start = ContinuousClock.now
        let command = Command(path: "/bin/sh", arguments: ["-c", script], limit: .milliseconds(100))
        #expect(failure { _ = try command.run() } == "run /bin/sh: not done after 0.1 seconds (ETIMEDOUT)")
        #expect(ContinuousClock.now - start < .seconds(30))
    }

    @Test func `a program that is not there is named`() {
        let command = Command(path: "/nowhere/clang", arguments: [], limit: .seconds(9))
        #expect(failure { _ = try command.run() } == "run /nowhere/clang: no such file or directory (ENOENT)")
    }
}
