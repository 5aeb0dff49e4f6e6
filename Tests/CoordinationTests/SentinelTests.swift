// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Coordination

@Suite(.requires("redis-server")) struct SentinelTests {
    @Test func `a leader steps down when a replica was promoted, and the next leads above it`() async throws {
        let master = try await RedisServer()
        defer { master.process.end() }
        let replica = try await RedisServer(options: ["--replicaof", "127.0.0.1", "\(master.port)"])
        defer { replica.process.end() }
        let directory = try TemporaryDirectory()
        let port = try StoreProcess.freePort()
        let file = try directory.write(
            """
            port \(port)
            bind 127.0.0.1
            dir \(directory.path)
            sentinel monitor fleet 127.0.0.1 \(master.port) 1
            sentinel down-after-milliseconds fleet 500
            """, to: "sentinel.conf")
        let probe = try RedisConnection(RedisSettings(host: "127.0.0.1", port: port))
        let sentinel = try await StoreProcess(
            [Requirement.path(of: "redis-server") ?? "redis-server", file, "--sentinel"], in: directory
        ) {
            let replicas = try await probe.command("probe", "SENTINEL", "replicas", "fleet")
            let states = replicas.elements.flatMap(\.elements).compactMap(\.text)
            return states.contains("master-link-status") && states.contains("ok")
        }
        defer { sentinel.end() }
        let store = try RedisStore(
            RedisSettings(
                host: "127.0.0.1", port: port, timeout: StoreKind.patience, sentinelMaster: "fleet"), fleet: "f")
        _ = try await store.found()
        let tenure = try await win(store)
        #expect(try await store.renew(.leader, as: tenure.token, for: .seconds(60)) == .renewed)
        // Replication is asynchronous: a master that dies with its writes unsent leaves an empty store behind.
        let written = try RedisConnection(RedisSettings(host: "127.0.0.1", port: master.port))
        _ = try await written.command("mark", "SET", "mark", "1")
        #expect(
            try await written.command("wait", "WAIT", "1", "30000", patience: .seconds(30)) == .integer(1))
        master.process.end()
        try await awaited("the loss of the lock", within: .seconds(60)) {
            do {
                return try await store.renew(.leader, as: tenure.token, for: .seconds(60)) == .lost
            } catch let error as StoreError where error.isTransient {
                return false
            }
        }
        try await store.release(.leader, as: tenure.token)
        #expect(try await win(store, above: tenure.epoch).epoch == tenure.epoch + 1)
    }
}
