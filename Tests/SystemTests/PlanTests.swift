// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// `sluicectl plan`: what it says is what the kernel then holds.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl"))
struct PlanTests {
    struct Plan: Decodable {
        struct Service: Decodable {
            var service: String
            var change: String
            var slots: Slots?
            var flows: Flows
        }

        struct Slots: Decodable {
            var total: Int
            var moved: Int
            var tracked: Int
            var cut: Int
            var balance: [String: Int]
            var unsettledNow: Int?
        }

        struct Flows: Decodable {
            var atRiskShare: Double
            var newPerSecond: Double?
        }

        var services: [Service]
        var held: [String]
    }

    @Test func `the slots that a plan says move are those that the kernel's maps show moved`() async throws {
        try await Lab.with(backends: 4) { lab in
            let edge = lab.edge
            var service = Service(backends: Service.webs(3))
            try edge.configure([service])
            try await edge.start()
            service.backends[1].weight = 2
            service.backends.append(Service.webs(4)[3])
            try edge.write(Service.document([service]), to: "next.yaml")
            let before = try await edge.slots()

            let (status, plan) = try await edge.plan("next.yaml")
            #expect(status == 3)
            let slots = try #require(plan.services.first?.slots)
            #expect(slots.unsettledNow == 0)
            try await edge.apply([service])
            let after = try await edge.slots()

            let moved = zip(before, after).filter { $0.current != $1.current }
            #expect(slots.moved == moved.count)
            #expect(slots.tracked == after.count { $0.isUnsettled })
            #expect(slots.cut == 0)
            var balance: [String: Int] = [:]
            for (from, to) in moved {
                balance[from.current, default: 0] -= 1
                balance[to.current, default: 0] += 1
            }
            #expect(slots.balance == balance)
            #expect(try await edge.plan("next.yaml").status == 0)
        }
    }

    @Test func `a plan changes nothing, needs no daemon, and says what the brake holds back`() async throws {
        try await Lab.with { lab in
            let edge = lab.edge
            var service = Service(backends: Service.webs(3))
            try edge.configure([service])
            try await edge.start()
            for web in ["web1", "web2"] { try await edge.ctl("backend", "drain", "web", web) }
            try await until("both drains are in force") {
                try await edge.backends().values.filter { $0.state == "draining" }.count == 2
            }
            try await edge.kill()
            let generation = try await edge.ctl("service", "list")

            #expect(try await edge.plan("services.yaml").status == 0)
            service.backends.append(Service.webs(4)[3])
            try edge.write(Service.document([service]), to: "next.yaml")
            let text = try await edge.output(["plan", "\(edge.folder)/next.yaml"])
            #expect(text.status == 3)
            for words in ["+  web4 (10.3.0.24) w1", "to web4 (unavoidable)", "all kept by tracking on each edge"] {
                #expect(text.text.contains(words), "\(text)")
            }

            service.backends.removeLast(2)
            try edge.write(Service.document([service]), to: "less.yaml")
            let held = try await edge.plan("less.yaml")
            #expect(held.status == 6)
            #expect(held.plan.held == ["service web: would have no active backend left of 1: held back"])
            #expect(try await edge.ctl("service", "list") == generation)
        }
    }

    @Test func `a bad document, and one that is not there, end with 1`() async throws {
        try await Lab.with { lab in
            try lab.edge.configure([Service(backends: Service.webs(3))])
            try lab.edge.write("services: [ { nam: web } ]\n", to: "bad.yaml")
            for file in ["bad.yaml", "none.yaml"] {
                let output = try await lab.edge.output(["plan", "\(lab.edge.folder)/\(file)"])
                #expect(output.status == 1, "\(output)")
            }
        }
    }
}

extension Edge {
    struct SlotRow: Decodable {
        var current: String
        var previous: String
        var isUnsettled: Bool
    }

    func slots(of service: String = "web") async throws -> [SlotRow] {
        try await ctl("map", "dump", service, as: [SlotRow].self)
    }

    func plan(_ file: String) async throws -> (status: Int32, plan: PlanTests.Plan) {
        let output = try await output(["plan", "\(folder)/\(file)", "-o", "json"])
        guard !output.text.isEmpty else { throw SystemError("plan \(file)", cause: output.errors) }
        return (output.status, try JSON.read(output.text, as: PlanTests.Plan.self))
    }
}
