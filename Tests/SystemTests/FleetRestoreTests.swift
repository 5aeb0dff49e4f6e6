// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// A store that is put back in time while a fleet runs, and one whose own leader dies.
@Suite(.serialized, .requiresFleet, .requires("etcdctl"))
struct FleetRestoreTests {
    /// By a machine that is no host of the fleet, and so knows of no epoch but the backup's.
    @Test func `an older backup that is restored under a running fleet is healed by the floor`() async throws {
        try await FleetLab.tell { fleet in
            let file = "\(fleet.lab.folder)/backup"
            try await fleet.lab.edge.ctl("store", "backup", file)
            let before = try await fleet.advance()
            try await fleet.stopStore()
            try fleet.wipeStore()
            try await fleet.startStore()
            for edge in fleet.edges { try await fleet.awaitProblem("sluicectl store restore", on: edge) }
            let said = try await fleet.lab.run(
                "router", "\(Lab.products)/sluicectl", "store", "restore", file, "--store",
                "etcd://\(FleetLab.router):2379")
            #expect(said.contains("sluicectl apply services.yaml"), "\(said)")
            try await fleet.awaitGeneration(above: before)
            try await fleet.awaitBackends("web2", "web3")
        }
    }

    /// etcd's identity and its leases come back with it: nothing but the numbers tells.
    ///
    /// - Parameter epochs: whether the fleet has had another leader since; else the one that leads finds its own lock.
    @Test(arguments: [false, true])
    func `etcd's own older snapshot is overtaken, though nothing changes in Consul`(epochs: Bool) async throws {
        try await FleetLab.tell { fleet in
            let file = "\(fleet.lab.folder)/snapshot"
            let client = ["env", "ETCDCTL_API=3", "etcdctl", "--endpoints=http://\(FleetLab.router):2379"]
            try await fleet.lab.tool(["exec", "router"] + client + ["snapshot", "save", file])
            let before = try await fleet.advance(epochs: epochs)
            try await fleet.stopStore()
            try fleet.wipeStore()
            try await fleet.lab.tool(
                ["exec", "router"] + client
                    + ["snapshot", "restore", file, "--data-dir", "\(fleet.lab.folder)/\(fleet.store.server)"])
            try await fleet.startStore()
            try await fleet.awaitGeneration(above: before)
            try await fleet.awaitBackends("web2", "web3")
            let told = try fleet.edges.contains { try $0.logged().contains("the store was put back in time") }
            #expect(told, "a document that was applied since may be lost, and nobody says so")
        }
    }

    @Test func `when etcd's own leader is killed the fleet goes on with the members that are left`() async throws {
        try await FleetLab.tell(store: .etcd3) { fleet in
            var start = ContinuousClock.now
            try await fleet.killEtcdLeader()
            try await fleet.register("web3")
            try await fleet.awaitBackends("web1", "web2", "web3")
            print("etcd's leader killed: a change in Consul is on all edges \(ContinuousClock.now - start) later")
            try await fleet.startStore()
            start = .now
            try await fleet.killEtcdLeader()
            try await fleet.deregister("web1")
            try await fleet.awaitBackends("web2", "web3")
            print("etcd's next leader killed: \(ContinuousClock.now - start)")
        }
    }
}

extension FleetLab {
    /// More generations, and epochs, than a backup knows of.
    fileprivate func advance(epochs: Bool = true) async throws -> Applied.Number {
        try await register("web3")
        try await awaitBackends("web1", "web2", "web3")
        let first = try await leader()
        if epochs {
            try await first.kill()
            _ = try await leader(beside: first)
        }
        try await deregister("web1")
        try await awaitBackends("web2", "web3", on: others(than: first))
        if epochs { try await first.start() }
        try await awaitBackends("web2", "web3")
        try await awaitAgreement()
        return try edges.compactMap { try $0.applied().last?.number }.max() ?? .init(epoch: 0, number: 0)
    }

    fileprivate func awaitGeneration(above before: Applied.Number) async throws {
        for edge in edges {
            try await until("\(edge.name) is above \(before)") {
                guard let generation = try await edge.fleetStatus()?.generation else { return false }
                return Applied.Number(epoch: generation.epoch, number: generation.number) > before
            }
        }
        try await awaitAgreement()
    }

    fileprivate func killEtcdLeader() async throws {
        let endpoints = store.ports.map { "http://\(Self.router):\($0)" }.joined(separator: ",")
        let text = try await lab.run(
            "router", "env", "ETCDCTL_API=3", "etcdctl", "--endpoints=\(endpoints)", "endpoint", "status", "-w", "json")
        let members = try JSON.read(text, as: [EtcdMember].self)
        guard let leader = members.first(where: { $0.isLeader }), let port = leader.endpoint.split(separator: ":").last
        else { throw SystemError("find etcd's leader", cause: text) }
        try await lab.stop("etcd-\(port)", "KILL")
    }
}

/// What etcdctl says of each.
private struct EtcdMember: Decodable {
    struct Status: Decodable {
        struct Header: Decodable {
            var member: UInt64

            enum CodingKeys: String, CodingKey { case member = "memberId" }
        }

        var header: Header
        var leader: UInt64
    }

    var endpoint: String
    var status: Status

    enum CodingKeys: String, CodingKey {
        case endpoint = "Endpoint"
        case status = "Status"
    }

    var isLeader: Bool { status.leader == status.header.member }
}
