// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Three edges while a change is on its way through them, hosts come and go, and a store changes hands.
@Suite(.serialized, .requiresFleet)
struct FleetRolloutTests {
    /// What is tried: web3, though Consul does not list it.
    private static let tried = FleetLab.service(also: ["web3"])

    @Test func `a canary whose leader is killed goes on, and is confirmed under the next leader`() async throws {
        try await FleetLab.tell { fleet in
            let leader = try await fleet.leader()
            let others = fleet.others(than: leader)
            let canary = others[0]
            try await fleet.apply(Self.tried, "--canary", canary.name, "--confirm-within", "5m", on: canary)
            try await fleet.awaitBackends("web1", "web2", "web3", on: [canary])
            try await leader.kill()
            _ = try await fleet.leader(beside: leader)
            try await fleet.awaitBackends("web1", "web2", "web3", on: [canary])
            try await fleet.awaitBackends("web1", "web2", on: [others[1]])
            try await others[1].ctl("confirm")
            try await fleet.awaitBackends("web1", "web2", "web3", on: others)
            try await leader.start()
            try await fleet.awaitBackends("web1", "web2", "web3")
        }
    }

    /// Whichever comes first decides on the canary, and the other is refused.
    @Test func `confirm and rollback at the same time have one outcome on every host`() async throws {
        try await FleetLab.tell { fleet in
            let (one, other) = (fleet.edges[1], fleet.edges[2])
            try await fleet.apply(Self.tried, "--canary", one.name, "--confirm-within", "5m", on: one)
            try await fleet.awaitBackends("web1", "web2", "web3", on: [one])
            async let confirming = one.output(["confirm"])
            async let rollingBack = other.output(["rollback"])
            let (confirmed, rolledBack) = try await (confirming, rollingBack)
            #expect((confirmed.status == 0) != (rolledBack.status == 0), "\(confirmed) \(rolledBack)")
            if rolledBack.status == 0 {
                try await fleet.awaitBackends("web1", "web2")
            } else {
                try await fleet.awaitBackends("web1", "web2", "web3")
            }
        }
    }

    @Test func `a host that joins and one that skipped generations agree in the middle of a drain time`() async throws {
        try await FleetLab.tell { fleet in
            let leader = try await fleet.leader()
            let (fresh, late) = (fleet.others(than: leader)[0], fleet.others(than: leader)[1])
            try await fleet.apply(FleetLab.service(drain: "10m"))
            try await fleet.awaitAgreement()
            try await fleet.route(to: [leader, late])
            try await fresh.forget()
            try await late.cut(from: fleet.store)
            try await fleet.register("web3")
            try await fleet.awaitBackends("web1", "web2", "web3", on: [leader])
            try await fleet.deregister("web1")
            try await fleet.awaitBackends("web2", "web3", on: [leader])
            try await fresh.start()
            try await late.mend()
            try await fleet.awaitBackends("web2", "web3")
            // With the fleet parts of their maps: current and previous tables.
            try await fleet.awaitAgreement()
            #expect(try await fresh.backends()["lab/web1"]?.state == "draining")
        }
    }

    @Test func `when Redis fails over through Sentinel the fleet is equal again within 10 seconds`() async throws {
        try await FleetLab.tell(store: .sentinel) { fleet in
            let epoch = try await fleet.leader().fleetStatus()?.generation?.epoch ?? 0
            try await fleet.lab.stop("redis", "KILL")
            let start = ContinuousClock.now
            try await until("an edge leads in a later epoch") {
                for edge in fleet.edges {
                    let status = try await edge.fleetStatus()
                    if status?.leading == true, status?.leaderEpoch ?? 0 > epoch { return true }
                }
                return false
            }
            try await fleet.register("web3")
            try await fleet.awaitBackends("web1", "web2", "web3")
            try await fleet.awaitAgreement()
            print("Redis failed over: equal again \(ContinuousClock.now - start) after the kill")
            #expect(ContinuousClock.now - start < .seconds(20))
        }
    }
}
