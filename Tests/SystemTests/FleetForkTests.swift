// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// A Redis behind Sentinel that forgets what it had said yes to: the one store here that can have two leaders at once.
@Suite(.serialized, .requiresFleet)
struct FleetForkTests {
    /// The replica hears nothing of the second leader's election, and takes the master's place while that leader still
    /// holds the master's lock, which nobody else reaches any more.
    @Test func `after two holders of Redis's lock all hosts are equal again`() async throws {
        try await FleetLab.tell(store: .sentinel, forks: true) { fleet in
            let first = try await fleet.leader()
            try await fleet.cutReplica()
            try await first.stop()
            let old = try await fleet.leader(beside: first)
            try await fleet.cutMaster(leaving: old)
            try await first.start()
            let new = try await fleet.leader(beside: old)
            #expect(try await old.fleetStatus()?.leading == true)
            let before = try await old.fleetStatus()?.generation?.number ?? 0
            // A person on either side, who is told of no trouble.
            try await fleet.apply(FleetLab.service(drain: "3s"), on: new)
            try await fleet.apply(FleetLab.service(drain: "4s"), on: old)
            for edge in [old, new] {
                try await until("\(edge.name) has published") {
                    try await edge.fleetStatus()?.generation?.number ?? 0 > before
                }
            }
            let start = ContinuousClock.now
            try await fleet.mendRedis()
            try await until("the fork is counted") { try await fleet.forks() > 0 }
            try await fleet.awaitAgreement()
            print("two holders of Redis's lock: equal again \(ContinuousClock.now - start) after the split ended")
            // Though Sentinel takes some 10 s to tell the old master that it is none any more. On a busy machine longer.
            let isMeasured = ProcessInfo.processInfo.environment["SLUICE_FIGURES"] != nil
            #expect(ContinuousClock.now - start < .seconds(isMeasured ? 10 : 25))
        }
    }
}

extension FleetLab {
    /// What the master tells its replica is lost.
    fileprivate func cutReplica() async throws {
        let clients = try await lab.run(
            "router", "redis-cli", "-h", Self.router, "client", "list", "type", "replica")
        guard let port = clients.firstMatch(of: #/ addr=[0-9.]+:([0-9]+)/#)?.output.1 else {
            throw SystemError("cut the replica", cause: "it is not connected: \(clients)")
        }
        try await lose("iif lo tcp sport 6379 tcp dport \(port)")
    }

    /// Of all, only this edge reaches the master, and it reaches nobody else.
    fileprivate func cutMaster(leaving edge: Edge) async throws {
        let address = "10.2.0.\(10 + edge.number)"
        try await lose(
            "iif lo tcp dport 6379", "iif lo tcp sport 6379", "ip saddr != \(address) tcp dport 6379",
            "ip saddr \(address) tcp dport { 6380, 26379, 26380, 26381 }")
    }

    fileprivate func mendRedis() async throws {
        try await lab.run("router", "nft", "delete table inet split")
    }

    private func lose(_ matches: String...) async throws {
        let chain = "add table inet split; add chain inet split in { type filter hook input priority 0; }; "
        let rules = matches.map { "add rule inet split in \($0) drop" }.joined(separator: "; ")
        try await lab.run("router", "nft", chain + rules)
    }

    /// That all edges counted.
    fileprivate func forks() async throws -> UInt64 {
        var sum: UInt64 = 0
        for edge in edges { sum += try await edge.fleetStatus()?.forks ?? 0 }
        return sum
    }
}
