// SPDX-License-Identifier: Apache-2.0

import Glibc
import Logging
import Synchronization
import TestSupport
import Testing

@testable import Admin

/// The paths of a fleet, on a real socket.
@Suite(.timeLimit(.minutes(5))) struct FleetServerTests {
    private let directory: TemporaryDirectory
    private var path: String { directory.path + "/sluiced.sock" }
    private var client: Client { Client(server: .socket(path)) }

    init() throws { directory = try TemporaryDirectory() }

    private func serve(_ fleet: Fleet?, _ body: () async throws -> Void) async throws {
        let (running, isRunning) = AsyncStream.makeStream(of: Void.self)
        let server = AdminServer(
            settings: .init(socket: path, group: nil), backend: Daemon(), fleet: fleet, logger: silent
        ) { isRunning.finish() }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                defer { isRunning.finish() }
                try await server.run()
            }
            for await _ in running {}
            try await body()
            tasks.cancelAll()
            try await tasks.waitForAll()
        }
    }

    @Test(arguments: [
        ("GET", "/v1/fleet"), ("GET", "/v1/generations"), ("POST", "/v1/confirm"), ("POST", "/v1/thaw"),
    ])
    func `without a fleet say that there is none`(method: String, path: String) async throws {
        try await serve(nil) {
            let problem = try await client.send(method, path).decoded(as: Problem.self)
            #expect(problem.error == "this host has no fleet: coordination.store is local")
            #expect(problem.exitCode == .usage)
        }
    }

    @Test func `take a document that is larger than other bodies, with its caller`() async throws {
        let fleet = Fleet()
        try await serve(fleet) {
            let text = String(repeating: "# long\\n", count: 50_000)
            let body = #"{"document":"\#(text)","file":"s.yaml","canary":["edge-1"],"confirmWithin":60}"#
            let answer = try await client.send("POST", "/v1/apply", body: body)
            #expect(answer.status == 200)
            #expect(try answer.decoded(as: ApplyAnswer.self).version == 7)
            let applied = try #require(fleet.applied.withLock { $0 })
            #expect(applied.request.document.utf8.count == 350_000 && applied.request.canary == ["edge-1"])
            #expect(applied.request.confirmWithin == 60 && applied.user == geteuid())
        }
    }

    @Test func `refuse a generation's number that is none`() async throws {
        try await serve(Fleet()) {
            let problem = try await client.send("GET", "/v1/generation?number=-1").decoded(as: Problem.self)
            #expect(problem.error == "'-1' is no generation's number" && problem.exitCode == .usage)
        }
    }

    @Test func `hand on the exit code of a refusal`() async throws {
        try await serve(Fleet()) {
            let answer = try await client.send("POST", "/v1/freeze", body: #"{"reason":"x"}"#)
            #expect(answer.status == 409)
            #expect(try answer.decoded(as: Problem.self).exitCode == .notLeader)
        }
    }
}

/// A fleet that applies, and does nothing else.
private final class Fleet: FleetBackend {
    let applied = Mutex<(request: ApplyRequest, user: UInt32)?>(nil)

    func fleet() async throws -> FleetAnswer { FleetAnswer(fleet: "north", store: "memory") }
    func generations() async throws -> GenerationsAnswer { GenerationsAnswer(generations: []) }
    func generation(_ number: UInt64?) async throws -> GenerationAnswer { throw UnknownName("none", remedy: "") }

    func apply(_ request: ApplyRequest, by caller: Caller) async throws -> ApplyAnswer {
        applied.withLock { $0 = (request, caller.userID) }
        return ApplyAnswer(changed: true, version: 7, digest: "d")
    }

    func confirm(by caller: Caller) async throws {}

    func rollback(_ request: RollbackRequest, by caller: Caller) async throws -> ApplyAnswer {
        throw Problem("nothing to go back to")
    }

    func freeze(_ request: FreezeRequest, by caller: Caller) async throws {
        throw Problem("another leads", exitCode: .notLeader)
    }

    func thaw(by caller: Caller) async throws {}
    func forget(host: String, by caller: Caller) async throws {}
}
