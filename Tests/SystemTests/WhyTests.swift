// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// `sluicectl service why`: from the catalog to the share, in one look.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl"))
struct WhyTests {
    struct Answer: Decodable {
        struct Step: Decodable {
            var step: String
            var text: String
        }

        var service: String
        var verdict: String
        var steps: [Step]
        var slots: Int
        var tableSize: Int

        subscript(step: String) -> String { steps.first { $0.step == step }?.text ?? "" }
    }

    @Test func `why tells what stands between a backend and its share`() async throws {
        try await Lab.with { lab in
            let edge = lab.edge
            var service = Service(backends: Service.webs(3), health: Service.healthz)
            service.backends[2].weight = 0
            try edge.configure([service])
            try await edge.start()

            let fine = try await edge.why("web1")
            #expect(fine.verdict == "gets 50.00 % of new flows" || fine.verdict == "gets 50.01 % of new flows")
            #expect(fine.slots > 8000 && fine.tableSize == 16381)
            #expect(fine["catalog"] == "written in the services document: 10.3.0.21")
            #expect(try await edge.why("web3").verdict == "gets no new flows: its weight is 0")

            try lab.healthz("web2", answers: false)
            try await until("web2 is down") { try await edge.backends()["web2"]?.state == "down" }
            let down = try await edge.why("web2")
            #expect(down.verdict == "gets no new flows on this host: our probe sees it down")
            #expect(down["probe"].contains("down since"), "\(down)")
            #expect(down.slots == 0)

            try await edge.ctl("backend", "drain", "web", "web2", "--reason", "new disk", "--for", "1h")
            try await until("it drains") { try await edge.backends()["web2"]?.state == "draining" }
            let drained = try await edge.why("web2")
            #expect(drained.verdict.contains("as root asked: new disk"), "\(drained)")
            #expect(drained["drain"].contains("root: new disk, for"), "\(drained)")

            try await edge.kill()
            #expect(try await edge.why("web2").verdict == drained.verdict)
            let none = try await edge.output(["service", "why", "web9"])
            #expect(none.status == 1 && none.errors.contains("did you mean 'web1'"), "\(none)")
        }
    }

    @Test(.requires("consul")) func `why asks the catalog itself: checks, maintenance, and what is not published`()
        async throws
    {
        try await Lab.with { lab in
            let edge = lab.edge
            try edge.configure([Service(backends: Service.webs(2))])
            try await edge.start()
            try await edge.kill()
            // The daemon is gone: only what asks the catalog can know of it.
            let consul = try ConsulServer()
            try await until("consul answers") {
                try await Command.output(["curl", "-sf", "\(consul.address)/v1/catalog/service/consul"]).status == 0
            }
            for (id, check) in [("ok", "passing"), ("bad", "critical")] {
                let body = """
                    {"ID":"\(id)","Name":"web","Address":"10.3.0.29","Port":80,
                     "Check":{"CheckID":"\(id)-check","TTL":"1h","Status":"\(check)"}}
                    """
                try await Command.run(
                    ["curl", "-sSf", "-X", "PUT", "-d", body, "\(consul.address)/v1/agent/service/register"])
            }
            let config = try String(contentsOfFile: "\(edge.folder)/sluiced.yaml", encoding: .utf8)
            try edge.write(
                config + "discovery: { consul: { address: \"\(consul.address)\" } }\n", to: "with-consul.yaml")
            let services = try String(contentsOfFile: "\(edge.folder)/services.yaml", encoding: .utf8)
            try edge.write(services + "      consul: { service: web }\n", to: "services.yaml")

            let bad = try await Self.why("node-1/bad", "\(edge.folder)/with-consul.yaml")
            #expect(bad.verdict == "gets no new flows: a check of it is critical")
            #expect(bad["checks"] == "bad-check critical, serfHealth passing")
            #expect(bad["catalog"].hasSuffix("10.3.0.29:80, out"), "\(bad)")
            let good = try await Self.why("node-1/ok", "\(edge.folder)/with-consul.yaml")
            #expect(good.verdict == "gets no new flows: the generation in force, 1.1, has it not (yet)")

            try await Command.run(
                ["curl", "-sSf", "-X", "PUT", "\(consul.address)/v1/agent/service/maintenance/ok?enable=true"])
            let resting = try await Self.why("node-1/ok", "\(edge.folder)/with-consul.yaml")
            #expect(resting["maintenance"] == "yes: it drains")

            let plan = try await Command.output(
                [
                    "\(Lab.products)/sluicectl", "plan", "\(edge.folder)/services.yaml", "--config",
                    "\(edge.folder)/with-consul.yaml",
                ])
            #expect(plan.status == 3 && plan.text.contains("+  node-1/bad (10.3.0.29) w0"), "\(plan)")
        }
    }

    /// From outside the edge, where Consul is.
    private static func why(_ instance: String, _ config: String) async throws -> Answer {
        let output = try await Command.output(
            ["\(Lab.products)/sluicectl", "service", "why", instance, "--config", config, "-o", "json"])
        guard output.status == 0 else { throw SystemError("why \(instance)", cause: output.errors) }
        return try #require(try JSON.read(output.text, as: [Answer].self).first)
    }
}

extension Edge {
    fileprivate func why(_ instance: String) async throws -> WhyTests.Answer {
        try #require(try await ctl("service", "why", instance, as: [WhyTests.Answer].self).first)
    }
}
