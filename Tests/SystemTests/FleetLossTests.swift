// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Three edges without their store, without their leader, or with a store that lost everything.
@Suite(.serialized, .requiresFleet)
struct FleetLossTests {
    @Test(arguments: [StoreKind.etcd, .redis, .consul])
    func `while the whole store is stopped hosts go on, and a leader is found when it is back`(store: StoreKind)
        async throws
    {
        try await FleetLab.tell(store: store) { fleet in
            try await fleet.stopStore()
            for edge in fleet.edges {
                try await until("\(edge.name) does not lead") { try await edge.fleetStatus()?.leading == false }
            }
            try await fleet.die("web1", remaining: "web2")
            try await fleet.startStore()
            try await fleet.revive("web1")
            try await fleet.awaitBackends("web1", "web2")
            // A Consul that is the store forgets no service either: the agent keeps them on its disk.
            try await fleet.register("web3")
            try await fleet.awaitBackends("web1", "web2", "web3")
        }
    }

    @Test func `in a wiped store nobody leads, and one line says what brings it back`() async throws {
        try await FleetLab.tell { fleet in
            try await fleet.stopStore()
            try fleet.wipeStore()
            try await fleet.startStore()
            for edge in fleet.edges {
                try await fleet.awaitProblem("sluicectl store restore", on: edge)
                #expect(try await edge.fleetStatus()?.leading == false)
            }
            try await fleet.register("web3")
            try await fleet.awaitBackends("web1", "web2")
            let said = try await fleet.lab.edge.ctl("store", "restore", "--from", fleet.lab.edge.name)
            // A host keeps what it runs, and not the document that a person wrote.
            #expect(said.contains("next: sluicectl apply services.yaml"), "\(said)")
            try await fleet.awaitAgreement()
            try await fleet.apply(FleetLab.service())
            try await fleet.awaitBackends("web1", "web2", "web3")
        }
    }

    @Test func `with leader and store gone a dead backend is taken out, by a host that reboots too`() async throws {
        try await FleetLab.tell { fleet in
            let leader = try await fleet.leader()
            let others = fleet.others(than: leader)
            try await leader.kill()
            try await fleet.stopStore()
            // What is in the dead one's kernel would go on to send to a backend that dies.
            try await fleet.route(to: others)
            try await fleet.die("web1", seenBy: others, remaining: "web2")
            try await fleet.route(to: [others[1]])
            try await others[0].reboot()
            try await fleet.awaitBackends("web2", on: others)
            try await leader.launch()
            try await fleet.awaitBackends("web2")
            try await fleet.route(to: fleet.edges)
            try await fleet.startStore()
            try await fleet.revive("web1")
            try await fleet.awaitBackends("web1", "web2")
            try await fleet.register("web3")
            try await fleet.awaitBackends("web1", "web2", "web3")
        }
    }

    @Test func `one host that sees every backend down says so, and takes none out`() async throws {
        try await FleetLab.tell { fleet in
            let (blind, others) = (fleet.edges[0], fleet.others(than: fleet.edges[0]))
            try await blind.cutFromProbes()
            try await until("it says that it is isolated") { try await blind.fleetStatus()?.isolated == ["web"] }
            for edge in others { #expect(try await edge.fleetStatus()?.isolated == []) }
            try await fleet.register("web3")
            try await fleet.awaitBackends("web1", "web2", "web3", on: others)
            try await fleet.awaitAgreement()
            try await blind.mend()
            try await until("it sees them again") { try await blind.fleetStatus()?.isolated == [] }
            try await fleet.awaitBackends("web1", "web2", "web3")
        }
    }
}
