// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// `sluicectl lock run` over real servers: no two of its commands run at once, whatever is done to them.
@Suite(.serialized)
struct LockRunTests {
    @Test(arguments: LockServer.Kind.here)
    func `of two contenders, one runs after the other, with a higher fence`(kind: LockServer.Kind) async throws {
        let server = try await LockServer(kind)
        let script = """
            for i in 1 2 3; do echo "$SLUICE_FENCE $SLUICE_LOCK" >>"$0/log"; [ ! -e "$0/busy" ] || echo both >>"$0/log"
            touch "$0/busy"; sleep 0.05; rm "$0/busy"; done
            """
        let folder = server.directory.path
        try await withThrowingTaskGroup { group in
            for _ in 1...2 {
                group.addTask {
                    for _ in 1...3 {
                        let output = try await server.run("deploy", ["sh", "-c", script, folder])
                        #expect(output.status == 0, "\(output)")
                    }
                }
            }
            try await group.waitForAll()
        }
        let lines = try server.lines()
        #expect(lines.count == 18, "\(lines)")
        #expect(!lines.contains("both"))
        let fences = lines.compactMap { UInt64($0.prefix { $0 != " " }) }
        #expect(fences == fences.sorted())
        #expect(Set(fences).count == 6)
        #expect(lines.allSatisfy { $0.hasSuffix(" deploy") })
    }

    @Test func `the exit code is passed on, and so are input and signals`() async throws {
        let server = try await LockServer(.local)
        #expect(try await server.run("a", ["sh", "-c", "exit 7"]).status == 7)
        #expect(try await server.run("a", ["sh", "-c", "kill -9 $$"]).status == 137)
        #expect(try await server.run("a", ["/no/such/program"]).status == 127)
        let piped = try await Command.output(
            ["sh", "-c", "echo heard | \"$@\"", "-"] + server.words("a", ["sh", "-c", "read x; echo $x; echo bad >&2"]))
        #expect(piped.text == "heard\n" && piped.errors == "bad\n", "\(piped)")
        let signalled = try await server.story(
            """
            "$@" & pid=$!; until [ -s "$0/log" ]; do sleep 0.05; done; kill -TERM $pid; wait $pid; echo "code $?"
            """, "a", "trap 'echo got it >>\"$0/log\"; exit 9' TERM; echo up >>\"$0/log\"; while :; do sleep 0.05; done"
        )
        #expect(signalled.text == "code 9\n", "\(signalled)")
        #expect(try server.lines() == ["up", "got it"])
    }

    @Test func `what the command left behind in its group does not go on without the lock`() async throws {
        let server = try await LockServer(.local)
        let script =
            "sh -c 'echo $$ >\"$0/left\"; exec sleep 600' \"$0\" & until [ -s \"$0/left\" ]; do sleep 0.05; done"
        let output = try await server.run("a", ["sh", "-c", script, server.directory.path])
        #expect(output.status == 0, "\(output)")
        let left = try String(contentsOfFile: "\(server.directory.path)/left", encoding: .utf8)
        let process = try #require(pid_t(left.trimmingCharacters(in: .whitespacesAndNewlines)))
        try await until("it is gone") { kill(process, 0) != 0 }
    }

    @Test(arguments: LockServer.Kind.here.filter { $0 != .consul })
    func `a holder that is stopped past its lease has no command running when the next begins`(
        kind: LockServer.Kind
    ) async throws {
        let server = try await LockServer(kind)
        // The command tells the time as long as it lives, and TERM does not end it.
        let beats = "trap '' TERM; while :; do date +%s%N >>\"$0/beat\"; sleep 0.02; done"
        let output = try await server.story(
            """
            "$@" & pid=$!; until [ -s "$0/beat" ]; do sleep 0.05; done; kill -STOP $pid
            \(server.shell("a", "date +%s%N"))
            kill -CONT $pid; wait $pid; echo "code $?"; tail -n 1 "$0/beat"
            """, "a", beats, ttl: "3s")
        let lines = output.text.split(separator: "\n")
        #expect(lines.count == 3, "\(output)")
        #expect(lines.dropFirst().first == "code 5", "\(output)")
        let (began, last) = (Int64(lines.first ?? "") ?? 0, Int64(lines.last ?? "") ?? .max)
        #expect(began > last, "the next began at \(began), the command was seen at \(last)")
        #expect(output.errors.contains("was lost"), "\(output)")
    }

    @Test func `a holder that is killed leaves no command behind`() async throws {
        let server = try await LockServer(.local)
        let output = try await server.story(
            """
            "$@" & pid=$!; until [ -s "$0/left" ]; do sleep 0.05; done; kill -KILL $pid; wait $pid
            left=$(cat "$0/left"); until ! kill -0 "$left"; do sleep 0.05; done; echo gone
            """, "a", "echo $$ >\"$0/left\"; while :; do sleep 0.1; done")
        #expect(output.text == "gone\n", "\(output)")
    }

    @Test(arguments: LockServer.Kind.here.filter { $0.isServer })
    func `when the store goes, the command is ended before its lease`(kind: LockServer.Kind) async throws {
        let server = try await LockServer(kind)
        let start = ContinuousClock.now
        let job = Task {
            try await server.run("a", ["sh", "-c", "echo up >>\"$0/log\"; exec sleep 600"], ttl: kind.ttl)
        }
        try await until("the command runs") { try server.lines() == ["up"] }
        server.stop()
        let output = try await job.value
        #expect(output.status == 5, "\(output)")
        #expect(output.errors.contains("was lost"), "\(output)")
        print("\(kind): ended \(ContinuousClock.now - start) after it began, lease \(kind.ttl)")
    }

    @Test func `who does not want to wait is told who holds it`() async throws {
        let server = try await LockServer(.local)
        let script = "echo up >>\"$0/log\"; until [ -e \"$0/done\" ]; do sleep 0.05; done"
        let job = Task { try await server.run("a", ["sh", "-c", script]) }
        try await until("the command runs") { try server.lines() == ["up"] }
        let second = try await server.run("a", ["true"], more: ["--wait", "0s"])
        #expect(second.status == 5, "\(second)")
        #expect(second.errors.contains("fence 1"), "\(second)")
        let status = try await Command.output(["\(Lab.products)/sluicectl", "lock", "status", "a"] + server.options)
        #expect(status.status == 0 && status.text.contains("a"), "\(status)")
        _ = try server.directory.write("", to: "done")
        #expect(try await job.value.status == 0)
    }

    @Test func `a name or a store that is none is a usage error, and one that is away is unreachable`() async throws {
        let server = try await LockServer(.local)
        #expect(try await server.run("a/b", ["true"]).status == 2)
        let program = "\(Lab.products)/sluicectl"
        let none = try await Command.output([program, "lock", "run", "a", "--store", "ftp://x", "--", "true"])
        #expect(none.status == 2 && none.errors.contains("names no store"), "\(none)")
        let away = try await Command.output([program, "lock", "status", "a", "--store", "etcd://127.0.0.1:1"])
        #expect(away.status == 4, "\(away)")
        #expect(away.errors.hasPrefix("etcd at http://127.0.0.1:1 cannot be used now: Connection refused\n"), "\(away)")
    }

    @Test func `a password that is missing ends it at once, with the code of permissions`() async throws {
        let store = ["--store", "etcd://127.0.0.1:1", "--user", "me", "--password-file", "/no/such/file"]
        let output = try await Command.output(
            ["\(Lab.products)/sluicectl", "lock", "run", "a"] + store + ["--", "true"])
        #expect(output.status == 7, "\(output)")
    }
}
