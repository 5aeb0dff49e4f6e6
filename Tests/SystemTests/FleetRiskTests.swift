// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// What `sluicectl plan` says of flows, beside the flows that break when an edge is withdrawn in the middle of a change.
@Suite(.serialized, .requiresFleet)
struct FleetRiskTests {
    /// What a plan promises: older flows are all kept, and of those begun since, at most that share of them that leave
    /// their edge. Which edge a flow is on is the router's hash: with three edges and one withdrawn, half of all flows
    /// change theirs, as the kernel deals the hash's range out anew.
    @Test func `flows that break with an edge in the middle of a change are those that the plan said are at risk`()
        async throws
    {
        try await FleetLab.tell { fleet in
            let (lost, left) = (fleet.edges[0], Array(fleet.edges.dropFirst()))
            for edge in fleet.edges {
                try await until("\(edge.name) is settled") { try await edge.fleetStatus()?.unsettled == [] }
            }
            try await fleet.apply(FleetLab.service(idle: "1h"))
            try await fleet.awaitAgreement()
            let old = try await fleet.lab.hold(100, "old", pause: 0.2)

            let next = FleetLab.service(idle: "1h", also: ["web3"])
            try lost.write(next, to: "next.yaml")
            let plan = try #require(try await lost.plan("next.yaml").plan.services.first)
            let slots = try #require(plan.slots)
            #expect(slots.cut == 0 && slots.tracked == slots.moved, "\(slots)")
            try await fleet.apply(next)
            try await fleet.awaitBackends("web1", "web2", "web3")
            for edge in fleet.edges { #expect(try await edge.unsettled() == slots.tracked) }

            let begun = 600
            let new = try await fleet.lab.hold(begun, "new", pause: 0.2)
            let before = try await left[0].forwarded()
            // The running traffic's requests are flows begun since, too, if short ones.
            try await fleet.excusing { try await fleet.lab.tool(["route"] + left.map(\.name)) }
            try await until("the others have it") { try await left[0].forwarded() > before + 2_000 }
            let (kept, tally) = (try await old.finish(), try await new.finish())
            #expect(kept.kept == 100, "flows older than the change: \(kept)")
            let broken = begun - (tally.kept ?? 0)
            let atRisk = Double(begun) * plan.flows.atRiskShare
            print(
                "edge withdrawn in the middle of a change: \(broken) of \(begun) flows begun since broke; plan: "
                    + "\(plan.flows.atRiskShare) of those on a lost edge at risk, so \(atRisk) if all change edges, "
                    + "about \(atRisk / 2) as half do")
            #expect(Double(broken) <= atRisk, "more than the plan said")
            #expect(Double(broken) >= atRisk / 2 * 0.6, "the plan is far too dark")
            try await fleet.lab.tool(["route"] + fleet.edges.map(\.name))
            // In time for the story's end: no flow of it is left.
            try await fleet.apply(FleetLab.service(also: ["web3"]))
        }
    }
}
