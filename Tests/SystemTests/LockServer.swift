// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// A store for locks, with a founded fleet in it, and a folder for what commands write.
final class LockServer: Sendable {
    enum Kind: String, CaseIterable, CustomStringConvertible {
        case local, etcd, redis, consul

        var isServer: Bool { self != .local }

        /// The shortest lease that its server grants.
        var ttl: String { self == .consul ? "10s" : "3s" }

        private var program: String? { self == .redis ? "redis-server" : isServer ? rawValue : nil }

        static var here: [Kind] { allCases.filter { $0.program.map(Requirement.has) ?? true } }

        var description: String { rawValue }
    }

    let directory: TemporaryDirectory
    private let kind: Kind
    private let process: ServerProcess?
    private let consul: ConsulServer?
    let url: String

    init(_ kind: Kind) async throws {
        directory = try TemporaryDirectory()
        self.kind = kind
        let ports = try ServerProcess.freePorts(2)
        let log = "\(directory.path)/server.log"
        switch kind {
        case .local:
            (process, consul) = (nil, nil)
            url = "local:\(directory.path)/store"
            return
        case .etcd:
            let (client, peer) = ("http://127.0.0.1:\(ports[0])", "http://127.0.0.1:\(ports[1])")
            process = try ServerProcess(
                "etcd",
                [
                    "--data-dir", "\(directory.path)/data", "--listen-client-urls", client, "--advertise-client-urls",
                    client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster",
                    "default=\(peer)",
                ], log: log)
            consul = nil
            url = "etcd://127.0.0.1:\(ports[0])"
        case .redis:
            process = try ServerProcess(
                "redis-server",
                [
                    "--port", "\(ports[0])", "--bind", "127.0.0.1", "--dir", directory.path, "--save", "",
                    "--appendonly", "yes", "--appendfsync", "always",
                ], log: log)
            consul = nil
            url = "redis://127.0.0.1:\(ports[0])"
        case .consul:
            process = nil
            let server = try ConsulServer()
            consul = server
            url = "consul://127.0.0.1:\(server.port)"
        }
        try await until("\(kind) has an identity") {
            try await Command.output(["\(Lab.products)/sluicectl", "store", "restore", "--new"] + options).status == 0
        }
    }

    var options: [String] { ["--store", url, "--fleet", "tests"] }

    func stop() {
        process?.end()
        consul?.stop()
    }

    /// The words of `lock run`.
    func words(_ name: String, _ command: [String], ttl: String? = nil, more: [String] = []) -> [String] {
        ["\(Lab.products)/sluicectl", "lock", "run", name, "--ttl", ttl ?? "15s"] + options + more + ["--"] + command
    }

    /// A shell's script gets the folder as `$0`.
    func run(_ name: String, _ command: [String], ttl: String? = nil, more: [String] = []) async throws
        -> Command.Output
    {
        let isShort = command.count == 3 && command[0] == "sh"
        let whole = command + (isShort ? [directory.path] : [])
        return try await Command.output(words(name, whole, ttl: ttl, more: more), within: 120)
    }

    /// One line of shell that runs a script under the lock.
    func shell(_ name: String, _ script: String) -> String {
        words(name, ["sh", "-c", script]).map { "'\($0)'" }.joined(separator: " ")
    }

    /// A script around `lock run`, whose words it has as `$@`; the locked script, too, has the folder as `$0`.
    func story(_ script: String, _ name: String, _ locked: String, ttl: String? = nil) async throws -> Command.Output {
        let words = words(name, ["sh", "-c", locked, directory.path], ttl: ttl)
        return try await Command.output(["bash", "-c", script, directory.path] + words, within: 120)
    }

    /// What commands wrote into the folder's log.
    func lines() throws -> [String] {
        guard let data = FileManager.default.contents(atPath: "\(directory.path)/log") else { return [] }
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
