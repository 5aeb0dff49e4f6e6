// SPDX-License-Identifier: Apache-2.0

import TestSupport

@testable import Coordination

/// One Redis, alone, which keeps what it is told at once.
struct RedisServer: Sendable {
    let process: StoreProcess
    let port: UInt16

    static let shared = Shared { try await RedisServer() }

    /// - Parameter data: goes on with it; a new directory unless told.
    init(
        options: [String] = [], data: TemporaryDirectory? = nil, port: UInt16? = nil, probe: RedisSettings? = nil
    ) async throws {
        let directory = try data ?? TemporaryDirectory()
        let port = try port ?? StoreProcess.freePort()
        self.port = port
        var probe = probe ?? RedisSettings(host: "127.0.0.1")
        probe.port = port
        let connection = try RedisConnection(probe)
        process = try await StoreProcess(
            [
                Requirement.path(of: "redis-server") ?? "redis-server", "--port", "\(port)", "--bind", "127.0.0.1",
                "--dir", directory.path, "--save", "", "--appendonly", "yes", "--appendfsync", "always",
            ] + options, in: directory
        ) {
            _ = try await connection.command("probe", "PING")
            return true
        }
    }

    var settings: RedisSettings { RedisSettings(host: "127.0.0.1", port: port, timeout: StoreKind.patience) }

    func command(_ words: String...) async throws -> RedisReply {
        try await RedisConnection(settings).command("test", words.map { Array($0.utf8) })
    }

    func site() -> Site {
        let settings = settings
        return Site(.redis) { fleet, _ in try RedisStore(settings, fleet: fleet) }
    }
}
