// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// What a story waits for.
extension FleetLab {
    func awaitBackends(_ names: String..., on edges: [Edge]? = nil) async throws {
        try await awaitBackends(names, on: edges ?? self.edges)
    }

    /// Until each of the edges gives new flows to these backends and no others.
    func awaitBackends(_ names: [String], on edges: [Edge]) async throws {
        let wanted = Set(names)
        for edge in edges {
            var last: Set<String> = []
            do {
                try await until("\(edge.name) has \(names.sorted())") {
                    guard edge.isAlive else { throw SystemError(edge.name, cause: edge.lastWords) }
                    guard try await edge.fleetStatus()?.generation != nil else { return false }
                    // Discovery names them by the Consul agent's node, too.
                    last = Set(
                        try await edge.backends().values.filter { $0.slots > 0 }
                            .map { $0.backend.replacing("lab/", with: "") })
                    return last == wanted
                }
            } catch let error {
                throw SystemError("\(error)", cause: "it has \(last.sorted())")
            }
        }
    }

    /// The edge that leads, once one does.
    func leader(beside one: Edge? = nil) async throws -> Edge {
        var found: Edge?
        try await until("an edge leads") {
            for edge in edges where edge.isAlive && edge.name != one?.name {
                if try await edge.fleetStatus()?.leading == true { found = edge }
            }
            return found != nil
        }
        guard let found else { throw SystemError("find the leader", cause: "there is none") }
        return found
    }

    /// What the edges run is the same, the kernel holds it, and none knows better.
    func awaitAgreement(on edges: [Edge]? = nil) async throws {
        let edges = edges ?? self.edges
        var seen: [String] = []
        do {
            try await until("all edges have one generation") {
                seen = []
                for edge in edges {
                    guard let status = try await edge.fleetStatus(), let generation = status.generation else {
                        return false
                    }
                    let part = "\(generation.digest) \(generation.fleetDigest ?? "")"
                    seen.append("\(generation.epoch).\(generation.number) \(part)")
                    guard status.pending == nil else { return false }
                }
                return Set(seen).count == 1
            }
        } catch let error {
            throw SystemError("\(error)", cause: seen.joined(separator: "; "))
        }
        for edge in edges { try await edge.ctl("map", "verify") }
    }

    /// What a person is told on this edge.
    func awaitProblem(_ text: String, on edge: Edge) async throws {
        var said: [String] = []
        do {
            try await until("\(edge.name) says '\(text)'") {
                said = try await edge.fleetStatus()?.problems ?? []
                return said.contains { $0.contains(text) }
            }
        } catch let error {
            throw SystemError("\(error)", cause: "it says \(said)")
        }
    }
}

extension Edge {
    struct FleetStatus: Decodable {
        var generation: Status.Generation?
        var pending: Status.Generation?
        var leading: Bool
        var leaderEpoch: UInt64?
        var fenced: UInt64
        var forks: UInt64
        var isolated: [String]
        var unsettled: [String]
        var problems: [String]
    }

    /// Nil where the daemon does not answer, as one that is stopped.
    func fleetStatus() async throws -> FleetStatus? {
        let answer = try await Command.output(
            ["curl", "-sf", "-m", "2", "--unix-socket", "\(folder)/run/sluiced.sock", "http://localhost/v1/status"],
            within: 10)
        return answer.status == 0 ? try JSON.read(answer.text, as: FleetStatus.self) : nil
    }
}
