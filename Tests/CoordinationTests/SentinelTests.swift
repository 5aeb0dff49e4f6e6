// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Coordination

@Suite(.requires("redis-server")) struct SentinelTests {
    @Test func `a leader steps down when a replica was promoted, and the next leads above it`() async throws {
        try await SentinelSite.with { site in
            let store = try await site.founded()
            let tenure = try await win(store)
            #expect(try await store.renew(.leader, as: tenure.token, for: .seconds(60)) == .renewed)
            try await site.replicate()
            site.master.process.end()
            try await Self.awaitLoss(of: tenure, in: store)
            try await store.release(.leader, as: tenure.token)
            #expect(try await win(store, above: tenure.epoch).epoch == tenure.epoch + 1)
        }
    }

    /// As after a split: it goes on as a master until a sentinel reaches it, and here none ever can.
    @Test func `a leader leaves a master that is replaced, though nobody has told that master`() async throws {
        try await SentinelSite.with(options: ["--rename-command", "SLAVEOF", "", "--rename-command", "REPLICAOF", ""]) {
            site in
            let store = try await site.founded()
            let tenure = try await win(store)
            try await site.replicate()
            _ = try await site.sentinel.command("fail over", "SENTINEL", "FAILOVER", "fleet")
            try await Self.awaitLoss(of: tenure, in: store)
            #expect(try await site.master.command("ROLE")[0].text == "master")
        }
    }

    private static func awaitLoss(of tenure: Tenure, in store: RedisStore) async throws {
        try await awaited("the loss of the lock", within: .seconds(60)) {
            do {
                return try await store.renew(.leader, as: tenure.token, for: .seconds(60)) == .lost
            } catch let error as StoreError where error.isTransient {
                return false
            }
        }
    }
}

/// A master, its replica, and one sentinel that alone decides.
private struct SentinelSite {
    let master: RedisServer
    let sentinel: RedisConnection
    private let port: UInt16

    /// - Parameter options: of the first master.
    static func with(options: [String] = [], _ body: (SentinelSite) async throws -> Void) async throws {
        let master = try await RedisServer(options: options)
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
        let process = try await StoreProcess(
            [Requirement.path(of: "redis-server") ?? "redis-server", file, "--sentinel"], in: directory
        ) {
            let replicas = try await probe.command("probe", "SENTINEL", "replicas", "fleet")
            let states = replicas.elements.flatMap(\.elements).compactMap(\.text)
            return states.contains("master-link-status") && states.contains("ok")
        }
        defer { process.end() }
        try await body(SentinelSite(master: master, sentinel: probe, port: port))
    }

    func founded() async throws -> RedisStore {
        let settings = RedisSettings(
            // The first is away, as one of several may be.
            host: "127.0.0.1", port: 1, timeout: StoreKind.patience, sentinelMaster: "fleet",
            otherSentinels: [RedisEnd(host: "127.0.0.1", port: port)])
        let store = try RedisStore(settings, fleet: "f")
        _ = try await store.found()
        return store
    }

    /// Replication is asynchronous: a master that goes with its writes unsent leaves an empty store behind.
    func replicate() async throws {
        let written = try RedisConnection(RedisSettings(host: "127.0.0.1", port: master.port))
        _ = try await written.command("mark", "SET", "mark", "1")
        #expect(try await written.command("wait", "WAIT", "1", "30000", patience: .seconds(30)) == .integer(1))
    }
}
