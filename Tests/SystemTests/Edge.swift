// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// An edge of a lab, with its own directories, pins, daemon and tools.
struct Edge: Sendable {
    /// The lab's name.
    let lab: String
    let number: Int

    var name: String { "edge\(number)" }
    var folder: String { "/run/sluice-lab/\(lab)/\(name)" }
    var state: String { "\(folder)/state" }
    var pins: String { "/sys/fs/bpf/\(lab)/\(name)" }
    private var word: String { "sluiced-\(name)" }
    private var log: String { "/run/sluice-lab/\(lab)/\(word).log" }

    // MARK: The daemon

    /// Writes both documents. `datapath` adds keys to that mapping: `mode: generic`.
    func configure(
        _ services: [Service], interfaces: [String] = ["eth0"], datapath: [String] = [], workers: Int? = nil
    ) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let more = datapath.map { ", \($0)" }.joined()
        let host = """
            host: \(name)
            interfaces: [\(interfaces.joined(separator: ", "))]
            datapath: { source-prefix: 172.16.0.0/16, source-prefix6: "0100::/64", bpf-root: \(pins)\(more) }
            directories:
              { state: \(state), cache: /run/sluice-lab/\(lab)/cache, run: \(folder)/run, bpf: \(RepositoryRoot.path)/bpf }
            services: services.yaml
            admin: { group: root, metrics: 127.0.0.1:9464 }
            \(workers.map { "workers: { count: \($0) }" } ?? "")

            """
        try write(host, to: "sluiced.yaml")
        try write(Service.document(services), to: "services.yaml")
    }

    /// Starts the daemon, and waits until its generation is in the kernel.
    func start(program: String = "\(Lab.products)/sluiced") async throws {
        try await launch(program: program)
        try await until("\(name): sluiced is ready", within: .seconds(60)) {
            guard isAlive else { throw SystemError("start sluiced in \(name)", cause: lastWords) }
            return try await isReady
        }
    }

    /// Starts the daemon without waiting for it.
    func launch(program: String = "\(Lab.products)/sluiced") async throws {
        try await tool(["start", name, word, program, "--config", "\(folder)/sluiced.yaml"])
    }

    /// Ends the daemon; what it put into the kernel stays.
    func stop(_ signal: String = "TERM") async throws { try await tool(["stop", word, signal]) }

    /// As a crash would: `kill -9`.
    func kill() async throws { try await stop("KILL") }

    var isAlive: Bool {
        guard let processNumber, let state = text("/proc/\(processNumber)/stat") else { return false }
        return !state.contains(") Z ")
    }

    /// The number of the daemon's process.
    func process() throws -> String {
        guard let processNumber else { throw SystemError("\(name): find the daemon", cause: "it was never started") }
        return processNumber
    }

    private var processNumber: String? {
        text("/run/sluice-lab/\(lab)/\(word).pid")?.split(separator: " ").first.map(String.init)
    }

    /// Its generation is applied and no other is on its way.
    var isReady: Bool {
        get async throws {
            guard let status = try await statusIfUp() else { return false }
            return status.generation != nil && status.pending == nil
        }
    }

    /// The end of the daemon's log.
    var lastWords: String {
        guard let text = text(log) else { return "it never started" }
        return text.split(separator: "\n").suffix(12).joined(separator: "\n")
    }

    /// All that the daemon logged.
    func logged() throws -> String { try String(contentsOfFile: log, encoding: .utf8) }

    /// A file's text; nil where there is none.
    private func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }

    // MARK: Changes

    /// Writes another services document, has the daemon read it, and waits until what it says is in the kernel.
    func apply(_ services: [Service]) async throws {
        let before = try await status().generation?.number ?? 0
        try write(Service.document(services), to: "services.yaml")
        try await reload()
        try await until("\(name): the new services are applied") {
            let status = try await status()
            guard status.problems.isEmpty else { throw SystemError("apply", cause: "\(status.problems)") }
            return status.pending == nil && (status.generation?.number ?? 0) > before
        }
    }

    /// Has the daemon read its documents again.
    func reload() async throws {
        try await Command.run(["curl", "-sSf", "-X", "POST", "--unix-socket", socket, "http://localhost/v1/reload"])
    }

    func write(_ text: String, to file: String) throws {
        try text.write(toFile: "\(folder)/\(file)", atomically: true, encoding: .utf8)
    }

    // MARK: Looking

    /// `sluicectl` as a person in the edge would run it; its status may be anything.
    func output(_ arguments: [String]) async throws -> Command.Output {
        try await Command.output(
            [Lab.tools + "/lab", "--name", lab, "exec", name, "\(Lab.products)/sluicectl"] + arguments)
    }

    /// `sluicectl`, which must succeed.
    @discardableResult
    func ctl(_ arguments: String...) async throws -> String {
        try await tool(["exec", name, "\(Lab.products)/sluicectl"] + arguments)
    }

    /// `sluicectl ... -o json`.
    func ctl<Value: Decodable>(_ arguments: String..., as: Value.Type) async throws -> Value {
        let text = try await tool(["exec", name, "\(Lab.products)/sluicectl"] + arguments + ["-o", "json"])
        return try JSON.read(text, as: Value.self)
    }

    /// What the daemon says of itself; throws where it does not answer.
    func status() async throws -> Status {
        guard let status = try await statusIfUp() else { throw SystemError("\(name): status", cause: "no answer") }
        return status
    }

    private func statusIfUp() async throws -> Status? {
        let answer = try await Command.output(
            ["curl", "-sf", "--unix-socket", socket, "http://localhost/v1/status"], within: 10)
        return answer.status == 0 ? try JSON.read(answer.text, as: Status.self) : nil
    }

    private var socket: String { "\(folder)/run/sluiced.sock" }

    @discardableResult
    private func tool(_ arguments: [String]) async throws -> String {
        try await Command.run([Lab.tools + "/lab", "--name", lab] + arguments)
    }

    struct Status: Decodable {
        struct Generation: Decodable {
            var epoch: UInt64
            var number: UInt64
            var digest: String
            var fleetDigest: String?
        }

        struct Interface: Decodable {
            var name: String
            var mode: String
            var reason: String?
        }

        var generation: Generation?
        var pending: Generation?
        var interfaces: [Interface]
        var isolated: [String]
        var unsettled: [String]
        var problems: [String]
        var warnings: [String]
    }
}

/// Rows that `sluicectl -o json` prints.
extension Edge {
    struct BackendRow: Decodable {
        var service: String
        var backend: String
        var id: UInt16
        var state: String
        var weight: UInt32
        var slots: Int
        var tableSize: Int
    }

    struct CountRow: Decodable {
        var service: String
        var outcome: String
        var reason: String
        var packets: UInt64
        var bytes: UInt64
    }

    struct TableRow: Decodable {
        var service: String
        var slots: Int
        var unsettled: Int
        var backend: String
        var current: Int
        var previous: Int
    }

    func backends(of service: String = "web") async throws -> [String: BackendRow] {
        let rows = try await ctl("backend", "list", service, as: [BackendRow].self)
        return Dictionary(rows.map { ($0.backend, $0) }) { $1 }
    }

    /// Packets by reason, of one service; `-` are those of no service.
    func packets(of service: String = "web") async throws -> [String: UInt64] {
        let rows = try await ctl("stats", as: [CountRow].self).filter { $0.service == service }
        return Dictionary(rows.map { ($0.reason, $0.packets) }) { $0 + $1 }
    }

    /// Packets that were dropped, of all services and of none, by reason.
    func drops() async throws -> [String: UInt64] {
        let rows = try await ctl("stats", as: [CountRow].self).filter { $0.outcome == "dropped" && $0.packets > 0 }
        return Dictionary(rows.map { ($0.reason, $0.packets) }) { $0 + $1 }
    }

    /// How many slots of the service's table are unsettled.
    func unsettled(_ service: String = "web") async throws -> Int {
        try await ctl("map", "show", as: [TableRow].self).first { $0.service == service }?.unsettled ?? 0
    }
}
