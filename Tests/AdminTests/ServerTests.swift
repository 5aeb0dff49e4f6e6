// SPDX-License-Identifier: Apache-2.0

import Glibc
import Logging
import Synchronization
import TestSupport
import Testing

@testable import Admin

/// The server on a real socket.
@Suite(.timeLimit(.minutes(5))) struct ServerTests {
    private let directory: TemporaryDirectory
    private var path: String { directory.path + "/sluiced.sock" }
    private var client: Client { Client(server: .socket(path)) }

    init() throws { directory = try TemporaryDirectory() }

    /// Runs a server on this test's socket while `body` lasts.
    private func serve(
        _ backend: Daemon = Daemon(), group: String? = nil, _ body: (Daemon) async throws -> Void
    ) async throws {
        let (running, isRunning) = AsyncStream.makeStream(of: Void.self)
        let server = AdminServer(
            settings: .init(socket: path, group: group), backend: backend, logger: silent
        ) { isRunning.finish() }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                defer { isRunning.finish() }
                try await server.run()
            }
            for await _ in running {}
            try await body(backend)
            tasks.cancelAll()
            try await tasks.waitForAll()
        }
    }

    @Test func `what the daemon says comes out as sorted JSON`() async throws {
        try await serve { _ in
            let answer = try await client.send("GET", "/v1/health")
            #expect(answer.status == 200)
            #expect(answer.headers["content-type"] == "application/json")
            let backend = #"{"detail":"refused","name":"a","service":"web","since":12,"state":"down"}"#
            #expect(answer.body == #"{"backends":[\#(backend)]}"#)
            let status = try await client.send("GET", "/v1/status").decoded(as: StatusAnswer.self)
            #expect(status.host == "edge-1" && status.generation == nil)
        }
    }

    @Test func `a drain is told to the daemon with its caller`() async throws {
        try await serve { daemon in
            let body = #"{"service":"web","backend":"10.0.0.4:80","reason":"disk","expiry":99}"#
            let answer = try await client.send("POST", "/v1/drains", body: body)
            #expect(answer.status == 200)
            let expected = DrainRequest(service: "web", backend: "10.0.0.4:80", reason: "disk", expiry: 99)
            #expect(daemon.drained.withLock { $0 } == [expected])
            let drain = try answer.decoded(as: Drain.self)
            #expect(drain.author == Caller(processID: 0, userID: geteuid(), groupID: 0).name)
        }
    }

    @Test func `a drain is lifted by names in the path`() async throws {
        try await serve { daemon in
            let answer = try await client.send("DELETE", "/v1/drains?service=web&backend=node%2F1%3A80")
            #expect(answer.status == 204)
            #expect(daemon.enabled.withLock { $0 } == ["web/node/1:80"])
        }
    }

    @Test(arguments: [
        ("POST", "/v1/drains", "{", 400, "POST /v1/drains: the body is no JSON"),
        ("POST", "/v1/drains", #"{"service":"web"}"#, 400, "POST /v1/drains: backend is missing"),
        (
            "POST", "/v1/drains", #"{"service":1,"backend":"a","reason":""}"#, 400,
            "POST /v1/drains: service has the wrong type"
        ),
        ("DELETE", "/v1/drains?service=web", "", 400, "DELETE /v1/drains: backend is missing"),
        ("GET", "/v1/nothing", "", 404, "GET /v1/nothing: Not Found"),
        (
            "POST", "/v1/drains", String(repeating: " ", count: 70_000), 413,
            "POST /v1/drains: the body is larger than 65536 bytes"
        ),
    ])
    func `a wrong request is answered with what is wrong`(
        method: String, path: String, body: String, status: Int, error: String
    ) async throws {
        try await serve { _ in
            let answer = try await client.send(method, path, body: body)
            #expect(answer.status == status)
            let problem = try answer.decoded(as: Problem.self)
            #expect(problem.error == error)
            #expect(problem.exitCode == .usage)
        }
    }

    @Test func `a problem of the daemon is the answer`() async throws {
        let problem = Problem("held back", remedy: "wait", exitCode: .heldByBrake)
        try await serve(Daemon(problem: problem)) { _ in
            let answer = try await client.send("POST", "/v1/reload")
            #expect(answer.status == 409)
            #expect(answer.body == #"{"error":"held back","exitCode":6,"remedy":"wait"}"#)
        }
    }

    @Test func `a name that is not there is answered with the nearest that is`() async throws {
        let unknown = UnknownName("there is no service 'wbe'; did you mean 'web'?", remedy: "see the list")
        try await serve(Daemon(unknown: unknown)) { _ in
            let body = #"{"service":"wbe","backend":"a","reason":""}"#
            let answer = try await client.send("POST", "/v1/drains", body: body)
            #expect(answer.status == 404)
            #expect(try answer.decoded(as: Problem.self) == unknown.problem)
            #expect(unknown.problem.exitCode == .failed)
        }
    }

    @Test func `the socket has its mode, and is gone with the server`() async throws {
        try await serve { _ in
            let kind = try Shell.run("stat -c '%F %a' \(path)")
            #expect(kind == "socket 660\n")
            let files = try Shell.run("ls -A \(directory.path)")
            #expect(files == "sluiced.sock\n")
        }
        let left = try Shell.run("ls -A \(directory.path)")
        #expect(left.isEmpty)
    }

    @Test(.requires("root", "setpriv")) func `the group may use it and others may not`() async throws {
        try Shell.run("chmod 0755 \(directory.path)")
        let curl = "curl -s --unix-socket \(path) http://sluiced/v1/health"
        try await serve(group: "daemon") { _ in
            let owner = try Shell.run("stat -c %G \(path)")
            #expect(owner == "daemon\n")
            let member = try await onThread("setpriv --reuid 65534 --regid 65534 --groups 1 \(curl)")
            #expect(member.contains("exitCode\":7"))
            let primary = try await onThread("setpriv --reuid 65534 --regid 1 --clear-groups \(curl)")
            #expect(primary.contains("refused"))
            let other = try await onThread("setpriv --reuid 65534 --regid 65534 --clear-groups \(curl) || echo $?")
            #expect(other == "7\n")
        }
    }

    @Test func `the socket of a dead daemon is replaced`() async throws {
        try Shell.run("python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"\(path)\")'")
        try await serve { _ in
            let answer = try await client.send("GET", "/v1/health")
            #expect(answer.status == 200)
        }
    }

    @Test func `the socket of a living daemon is not`() async throws {
        try await serve { _ in
            let second = AdminServer(
                settings: .init(socket: path, group: nil), backend: Daemon(), logger: silent)
            let error = await #expect(throws: Problem.self) { try await second.run() }
            #expect(error?.error == "bind \(path): another sluiced listens there")
            let answer = try await client.send("GET", "/v1/health")
            #expect(answer.status == 200)
        }
    }

    @Test func `a file that is no socket is left alone`() async throws {
        try directory.write("precious", to: "sluiced.sock")
        await #expect(throws: Problem.self) { try await serve { _ in } }
        #expect(try Shell.run("cat \(path)") == "precious")
    }

    @Test func `a directory that is not there is named`() async throws {
        let path = directory.path + "/missing/sluiced.sock"
        let server = AdminServer(settings: .init(socket: path, group: nil), backend: Daemon(), logger: silent)
        let error = await #expect(throws: Problem.self) { try await server.run() }
        #expect(error?.error == "bind \(path): No such file or directory")
    }

    @Test func `a port that another has is named`() async throws {
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let first = MetricsServer(host: "127.0.0.1", port: 0, source: Daemon(), logger: silent) { port.yield($0) }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await first.run() }
            var iterator = ports.makeAsyncIterator()
            let bound = try #require(await iterator.next())
            let second = MetricsServer(host: "127.0.0.1", port: bound, source: Daemon(), logger: silent)
            let error = await #expect(throws: Problem.self) { try await second.run() }
            #expect(error?.error == "listen on 127.0.0.1:\(bound) for metrics: Address already in use")
            tasks.cancelAll()
            try await tasks.waitForAll()
        }
    }

    @Test func `a request that takes too long is ended`() async throws {
        await #expect(throws: Problem.self) {
            try await answer(within: .milliseconds(10)) { try await Task.sleep(for: .seconds(3600)) }
        }
        let five = try await answer(within: .seconds(3600)) { 5 }
        #expect(five == 5)
    }

    @Test func `metrics are served as OpenMetrics`() async throws {
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let server = MetricsServer(host: "127.0.0.1", port: 0, source: Daemon(), logger: silent) {
            port.yield($0)
        }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await server.run() }
            var iterator = ports.makeAsyncIterator()
            let bound = try #require(await iterator.next())
            let answer = try await Client(server: .port(bound)).send("GET", "/metrics")
            #expect(answer.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8")
            #expect(answer.body == "# TYPE sluice_up gauge\n# HELP sluice_up Alive.\nsluice_up 1\n# EOF\n")
            let missing = try await Client(server: .port(bound)).send("GET", "/")
            #expect(missing.status == 404)
            tasks.cancelAll()
            try await tasks.waitForAll()
        }
    }

    /// Runs a command without holding one of the tasks' threads, which the server needs.
    private func onThread(_ command: String) async throws -> String {
        try await withCheckedThrowingContinuation { continuation in
            Client.detach { continuation.resume(with: Result { try Shell.run(command) }) }
        }
    }
}

/// A daemon that says always the same, or always the same problem.
final class Daemon: AdminBackend, MetricsSource {
    let drained = Mutex<[DrainRequest]>([])
    let enabled = Mutex<[String]>([])
    private let problem: Problem?
    private let unknown: UnknownName?

    init(problem: Problem? = nil, unknown: UnknownName? = nil) {
        self.problem = problem
        self.unknown = unknown
    }

    func status() async throws -> StatusAnswer {
        StatusAnswer(host: "edge-1", version: "1", processID: 1, startedAt: 1)
    }

    func services() async throws -> ServicesAnswer { ServicesAnswer(services: []) }

    func backends() async throws -> BackendsAnswer { BackendsAnswer(backends: []) }

    func health() async throws -> HealthAnswer {
        HealthAnswer(backends: [.init(service: "web", name: "a", state: "down", since: 12, detail: "refused")])
    }

    func drains() async throws -> DrainsAnswer { DrainsAnswer(drains: []) }

    func drain(_ request: DrainRequest, by caller: Caller) async throws -> Drain {
        if let unknown { throw unknown }
        drained.withLock { $0.append(request) }
        return Drain(
            service: request.service, backend: request.backend, author: caller.name, reason: request.reason,
            expiry: request.expiry)
    }

    func enable(service: String, backend: String, by caller: Caller) async throws {
        enabled.withLock { $0.append("\(service)/\(backend)") }
    }

    func repair(by caller: Caller) async throws {}

    func reload(by caller: Caller) async throws -> ReloadAnswer {
        if let problem { throw problem }
        return ReloadAnswer(changed: true)
    }

    func metrics() async throws -> MetricsText {
        var text = MetricsText()
        text.gauge("sluice_up", help: "Alive.", 1)
        return text
    }
}

/// A cancelled server says so, which is no news here.
let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
