// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Coordination

@Suite(.requires("redis-server")) struct RedisHealthTests {
    private func problems(_ options: String...) async throws -> [String] {
        let server = try await RedisServer(options: options)
        defer { server.process.end() }
        return try await server.site().client("a").health().problems
    }

    @Test func `a Redis that keeps what it is told has no problem`() async throws {
        #expect(try await problems().isEmpty)
    }

    @Test(arguments: [
        (["--appendonly", "no"], "set appendonly yes"), (["--appendfsync", "everysec"], "appendfsync everysec"),
        (["--maxmemory-policy", "allkeys-lru"], "maxmemory-policy noeviction"),
        (["--maxmemory", "1000000"], "it refuses every write"),
    ])
    func `what lets it forget or refuse is told`(options: [String], words: String) async throws {
        let server = try await RedisServer(options: options)
        defer { server.process.end() }
        let problems = try await server.site().client("a").health().problems
        #expect(problems.count == 1 && problems.first?.contains(words) == true, "\(problems)")
    }

    @Test func `a node of a Redis Cluster that sends us elsewhere is refused in one line`() async throws {
        // The bus listens 10,000 above.
        let ports = try ServerProcess.freePorts(20).filter { $0 < 55_000 }.prefix(2)
        try #require(ports.count == 2)
        let options = ["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"]
        let owner = try await RedisServer(options: options, port: ports[0])
        defer { owner.process.end() }
        let other = try await RedisServer(options: options, port: ports[1])
        defer { other.process.end() }
        _ = try await owner.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        _ = try await other.command("CLUSTER", "MEET", "127.0.0.1", "\(owner.port)")
        let store = try await other.site().client("a")
        var last = ""
        try await awaited("the refusal", within: StoreKind.patience) {
            do { _ = try await store.identity() } catch { last = "\(error)" }
            return !last.isEmpty && !last.contains("CLUSTERDOWN")
        }
        #expect(
            last.contains("it is a node of a Redis Cluster, and the fleet's keys lie at 127.0.0.1:\(owner.port)"),
            "\(last)")
        #expect(!last.contains("\n"))
        #expect(try await store.health().problems.contains { $0.contains("Redis Cluster") })
    }
}
