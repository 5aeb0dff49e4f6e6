// SPDX-License-Identifier: Apache-2.0

import Logging
import Synchronization
import Testing

@testable import Admin

@Suite struct AuditTests {
    private let caller = Caller(processID: 321, userID: 12_345_678, groupID: 0)

    private func lines(_ body: (Audit) async throws -> Void) async throws -> [String] {
        let log = Log()
        try await body(Audit(backend: StillDaemon(), logger: Logger(label: "test") { _ in Recorder(log: log) }))
        return log.lines.withLock { $0 }
    }

    @Test func `a change is noted with who, what and upon which generation`() async throws {
        let lines = try await lines { audit in
            try await audit.change("drain", of: "web/a", ["force": "true"], by: caller) {}
        }
        let entry = "by=uid 12345678 change=drain digest=abc force=true pid=321 subject=web/a uid=12345678"
        #expect(lines == ["notice change made \(entry)"])
    }

    @Test func `a refused change is noted with its cause`() async throws {
        let lines = try await lines { audit in
            await #expect(throws: Problem.self) {
                try await audit.change("reload", by: caller) { throw Problem("line 3 is wrong") }
            }
        }
        let entry = "by=uid 12345678 cause=line 3 is wrong change=reload digest=abc pid=321 uid=12345678"
        #expect(lines == ["notice change refused \(entry)"])
    }
}

@Suite struct ExitCodeTests {
    @Test(
        arguments: [(1, .permission), (13, .permission), (38, .kernelLacks), (95, .kernelLacks), (2, .failed)]
            as [(Int32, ExitCode)])
    func `what the system refuses has its exit code`(error: Int32, code: ExitCode) {
        #expect(ExitCode(systemError: error) == code)
    }
}

private final class Log: Sendable {
    let lines = Mutex<[String]>([])
}

private struct Recorder: LogHandler {
    let log: Log
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let entry = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let line = ([event.level.rawValue, "\(event.message)"] + entry).joined(separator: " ")
        log.lines.withLock { $0.append(line) }
    }
}

/// Has one generation in force, and does nothing.
private struct StillDaemon: AdminBackend {
    func status() async throws -> StatusAnswer {
        StatusAnswer(
            host: "edge-1", version: "1", processID: 1, startedAt: 1,
            generation: .init(epoch: 1, number: 2, digest: "abc"))
    }

    func services() async throws -> ServicesAnswer { ServicesAnswer(services: []) }
    func backends() async throws -> BackendsAnswer { BackendsAnswer(backends: []) }
    func health() async throws -> HealthAnswer { HealthAnswer(backends: []) }
    func drains() async throws -> DrainsAnswer { DrainsAnswer(drains: []) }

    func drain(_ request: DrainRequest, by caller: Caller) async throws -> Drain {
        Drain(service: request.service, backend: request.backend, author: caller.name, reason: request.reason)
    }

    func enable(service: String, backend: String, by caller: Caller) async throws {}
    func reload(by caller: Caller) async throws -> ReloadAnswer { ReloadAnswer(changed: false) }
    func repair(by caller: Caller) async throws {}
}
