// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// `route list` and `explain --url`, of an edge that runs, and what its workers do.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl"))
struct RouteExplanationTests {
    private static let services = ["web", "api"].enumerated().map { index, name in
        var service = Service(
            name: name, port: 8080 + index, forward: "sockets", backends: [Service.webs(3)[index]])
        service.backendPort = 80
        service.health = Service.healthz
        return service
    }

    private static let document =
        Service.document(services) + """
            listeners:
              - { name: front, address: \(Lab.vip), port: 80 }
              - name: mixed
                address: \(Lab.vip)
                port: 443
                protocol: sniff
                passthrough: [ { host: far.test, service: api } ]
            routes:
              - { match: { path: /healthz, headers: [ { name: x-api } ] }, service: api, retries: 2 }
              - { match: { host: api.test }, services: [ { name: api, weight: 3 }, { name: web } ] }
              - { service: web }

            """

    private static func with(_ body: (Lab) async throws -> Void) async throws {
        try await Lab.with { lab in
            try await lab.run("edge1", "ip", "address", "add", "\(Lab.vip)/32", "dev", "lo")
            try lab.edge.configure(services, workers: 1)
            try lab.edge.write(document, to: "services.yaml")
            try await lab.edge.start()
            try await body(lab)
        }
    }

    private static func explain(_ lab: Lab, _ arguments: String...) async throws -> String {
        let output = try await lab.edge.output(["explain", "--src", "198.51.100.7:51234"] + arguments)
        #expect(output.status == 0, "\(output)")
        return output.text
    }

    @Test func `routes are listed, and a request's is named with why no other`() async throws {
        try await Self.with { lab in
            let list = try await lab.edge.output(["route", "list"]).text
            #expect(list.contains("api w3, web w1") && list.contains("x-api"), "\(list)")
            let plain = try await Self.explain(lab, "--url", "http://\(Lab.vip)/healthz")
            #expect(plain.contains("route     3: */\n"), "\(plain)")
            #expect(plain.contains("1: */healthz with x-api: without the header x-api that it asks for"), "\(plain)")
            #expect(plain.contains("the next in turn of web1 (10.3.0.21:80) w1"), "\(plain)")
            let marked = try await Self.explain(lab, "--url", "http://\(Lab.vip)/healthz", "-H", "x-api: 1")
            #expect(marked.contains("route     1: ") && marked.contains("web2 (10.3.0.22:80)"), "\(marked)")
            let curl = "curl -sS --max-time 20 http://\(Lab.vip)/healthz"
            #expect(try await lab.run("client", "sh", "-c", "\(curl) && \(curl) -H 'x-api: 1'") == "web1\nweb2\n")
        }
    }

    @Test func `TLS that passes through is explained by its table`() async throws {
        try await Self.with { lab in
            let text = try await Self.explain(lab, "--url", "https://far.test/")
            #expect(text.contains("api: TLS of far.test passes through as it is"), "\(text)")
            #expect(text.contains("backend   web2 (10.3.0.22)"), "\(text)")
            let other = try await Self.explain(lab, "--url", "https://near.test/")
            #expect(other.contains("unknownName: the connection is reset"), "\(other)")
        }
    }

    @Test func `a request that comes to no listener is told what there is`() async throws {
        try await Self.with { lab in
            let output = try await lab.edge.output(["explain", "--src", "198.51.100.7", "--url", "http://a.test:81/"])
            #expect(output.status == 1 && output.errors.contains("no listener at port 81"), "\(output)")
            #expect(output.errors.contains("front \(Lab.vip):80/tcp"), "\(output)")
        }
    }
}
