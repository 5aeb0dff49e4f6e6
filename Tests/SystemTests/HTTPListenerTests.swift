// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Listeners that speak HTTP, and routes to the lab's web servers.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl"))
struct HTTPListenerTests {
    /// `web` has two backends, `api` one.
    private static let services = [
        service("web", port: 8080, Array(Service.webs(3)[..<2])), service("api", port: 8081, [Service.webs(3)[2]]),
    ]

    private static func service(_ name: String, port: Int, _ backends: [Service.Backend]) -> Service {
        var service = Service(name: name, port: port, forward: "sockets", backends: backends)
        service.backendPort = 80
        service.health = Service.healthz
        return service
    }

    private static func document(_ routes: String...) -> String {
        let listener = "  - { name: front, address: \(Lab.vip), port: 80, protocol: http }\n"
        return Service.document(services) + "listeners:\n" + listener + "routes:\n"
            + routes.map { "  - \($0)\n" }.joined()
    }

    private static let byHost = "{ match: { host: api.example.org }, service: api }"
    private static let byPath = "{ match: { path: /healthz }, service: api }"
    private static let rest = "{ listener: front, service: web }"

    private static func start(_ document: String, in lab: Lab) async throws {
        try await lab.run("edge1", "ip", "address", "add", "\(Lab.vip)/32", "dev", "lo")
        try lab.edge.configure(services, workers: 2)
        try lab.edge.write(document, to: "services.yaml")
        try await lab.edge.start()
    }

    /// The lines of so many answers, each how often. A curl each: of Debian's no second request with prior knowledge
    /// comes through, whoever serves.
    private static func answers(
        _ lab: Lab, _ path: String, host: String = "example.org", by version: String, count: Int = 20
    ) async throws -> [String: Int] {
        let curl = "curl -sS --max-time 20 \(version) -H 'Host: \(host)' http://\(Lab.vip)\(path)"
        let text = try await lab.run(
            "client", "sh", "-c", "set -e; for number in $(seq \(count)); do \(curl); done")
        return Dictionary(text.split(separator: "\n").map { (String($0), 1) }, uniquingKeysWith: +)
    }

    @Test(arguments: ["--http1.1", "--http2-prior-knowledge"])
    func `requests go by host and path to their services`(version: String) async throws {
        try await Lab.with { lab in
            try await Self.start(Self.document(Self.byHost, Self.byPath, Self.rest), in: lab)
            let web = try await Self.answers(lab, "/", by: version)
            #expect(Set(web.keys) == ["web1", "web2"] && web.values.reduce(0, +) == 20, "\(web)")
            let host = try await Self.answers(lab, "/", host: "API.example.org:80", by: version)
            #expect(host == ["web3": 20])
            let path = try await Self.answers(lab, "/healthz", by: version)
            #expect(path == ["web3": 20])
            #expect(try await lab.edge.status().warnings == [])
        }
    }

    @Test func `metrics count requests by listener, route and code, and those of each backend`() async throws {
        try await Lab.with { lab in
            try await Self.start(Self.document(Self.byHost, Self.rest), in: lab)
            _ = try await Self.answers(lab, "/", by: "--http1.1")
            _ = try await Self.answers(lab, "/", host: "api.example.org", by: "--http2-prior-knowledge")
            let metrics = try await lab.run("edge1", "curl", "-sf", "http://127.0.0.1:9464/metrics")
            for line in [
                #"sluice_http_requests_total{listener="front",route="*/",code="200"} 20"#,
                #"sluice_http_requests_total{listener="front",route="api.example.org/",code="200"} 20"#,
                #"sluice_http_request_duration_seconds_count{listener="front",route="*/"} 20"#,
                #"sluice_http_backend_requests_total{service="api",backend="web3"} 20"#,
                #"sluice_http_backend_ejected{service="api",backend="web3"} 0"#,
            ] { #expect(metrics.contains(line + "\n"), "\(metrics)") }
        }
    }

    @Test func `requests leave lines in the access log, and in a fresh one once it is moved away`() async throws {
        try await Lab.with { lab in
            let path = lab.edge.folder + "/access.json"
            let log = ", protocol: http, access-log: \(path) }"
            try await Self.start(Self.document(Self.rest).replacing(", protocol: http }", with: log), in: lab)
            _ = try await Self.answers(lab, "/", by: "--http1.1", count: 2)
            try await until("both lines are there") { try Self.lines(path) == 2 }
            try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
            try await until("there is a fresh file") { FileManager.default.fileExists(atPath: path) }
            try await until("its lines come") {
                _ = try await Self.answers(lab, "/", by: "--http2-prior-knowledge", count: 1)
                return try Self.lines(path) > 0
            }
            let text = try String(contentsOfFile: path, encoding: .utf8)
            let line = try #require(text.split(separator: "\n").first)
            let entry = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            #expect(entry?["listener"] as? String == "front" && entry?["service"] as? String == "web", "\(line)")
            #expect(entry?["protocol"] as? String == "HTTP/2" && entry?["status"] as? Int == 200, "\(line)")
        }
    }

    private static func lines(_ path: String) throws -> Int {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").count
    }

    @Test func `a plan tells which listeners and routes a document changes`() async throws {
        try await Lab.with { lab in
            try await Self.start(Self.document(Self.byPath, Self.rest), in: lab)
            let edge = lab.edge
            let other = "  - { name: other, address: \(Lab.vip), port: 81 }\nroutes:\n"
            let next = Self.document("{ match: { path: /healthz }, service: web }", Self.byHost, Self.rest)
            try edge.write(next.replacing("routes:\n", with: other), to: "next.yaml")
            let plan = try await edge.output(["plan", "\(edge.folder)/next.yaml"])
            #expect(plan.status == 3)
            for line in [
                "listener other  +  address \(Lab.vip), port 81\n", "route */healthz\n",
                "  ~  services: api w1 becomes web w1\n",
                "route api.example.org/  +  services api w1, upstream http1\n", "of HTTP: 1 listener, 2 routes. ",
            ] { #expect(plan.text.contains(line), "\(plan.text)") }
            let same = try await edge.output(["plan", "\(edge.folder)/services.yaml"])
            #expect(same.status == 0 && same.text == "nothing changes\n", "\(same.text)")
        }
    }

    @Test func `a drained backend gets no new request, and none fails`() async throws {
        try await Lab.with { lab in
            try await Self.start(Self.document(Self.rest), in: lab)
            let stream = try await lab.stream()
            try await lab.edge.ctl("backend", "drain", "web", "web2")
            try await until("web2 drains") {
                try await Self.answers(lab, "/", by: "--http2-prior-knowledge") == ["web1": 20]
            }
            let tally = try await stream.finish()
            #expect(tally.failed == 0 && tally.requests > 0, "\(tally)")
        }
    }

    @Test func `a new route is in force while requests run, and none fails`() async throws {
        try await Lab.with { lab in
            try await Self.start(Self.document(Self.rest), in: lab)
            let stream = try await lab.stream()
            async let load = lab.run("client", "h2load", "-n", "20000", "-c", "4", "-m", "8", "http://\(Lab.vip)/")
            let edge = lab.edge
            try edge.write(Self.document(Self.byHost, Self.rest), to: "services.yaml")
            try await edge.reload()
            try await until("the route is in force") {
                try await Self.answers(lab, "/", host: "api.example.org", by: "--http1.1", count: 5) == ["web3": 5]
            }
            let figures = try await load
            #expect(figures.contains("20000 succeeded, 0 failed, 0 errored"), "\(figures)")
            let tally = try await stream.finish()
            #expect(tally.failed == 0 && tally.requests > 0, "\(tally)")
        }
    }

    @Test func `requests find the listener again when the daemon is killed and starts again`() async throws {
        try await Lab.with { lab in
            try await Self.start(Self.document(Self.rest), in: lab)
            let stream = try await lab.stream()
            let workers = try await lab.workers()
            try await lab.edge.kill()
            try await lab.edge.start()
            #expect(try await lab.workers() == workers)
            let tally = try await stream.finish()
            #expect(tally.failed == 0 && tally.requests > 0, "\(tally)")
        }
    }

    @Test func `a listener that is taken out answers no more, and others go on`() async throws {
        try await Lab.with { lab in
            let other = "  - { name: other, address: \(Lab.vip), port: 81 }\n"
            let both = Self.document(Self.rest).replacing("routes:\n", with: other + "routes:\n")
                .replacing("listener: front, ", with: "")
            try await Self.start(both, in: lab)
            try await lab.run("client", "curl", "-sf", "http://\(Lab.vip):81/")
            let stream = try await lab.stream()
            try lab.edge.write(Self.document(Self.rest), to: "services.yaml")
            try await lab.edge.reload()
            try await until("port 81 is closed") {
                let answer = try await lab.run(
                    "client", "sh", "-c", "curl -s http://\(Lab.vip):81/ >/dev/null; echo $?")
                return answer == "7\n"
            }
            let tally = try await stream.finish()
            #expect(tally.failed == 0 && tally.requests > 0, "\(tally)")
        }
    }

    @Test func `listeners tell of their requests`() async throws {
        struct Listener: Decodable {
            var kind: String
            var bind: String
            var service: String
            var workers: Int
            var requests: UInt64?
        }
        try await Lab.with { lab in
            try await Self.start(Self.document(Self.byHost, Self.rest), in: lab)
            _ = try await Self.answers(lab, "/", by: "--http2-prior-knowledge")
            let listeners = try await lab.edge.ctl("listener", "list", as: [Listener].self)
            let front = try #require(listeners.first { $0.kind == "http" })
            #expect(front.bind == "\(Lab.vip):80/tcp" && front.service == "api,web" && front.workers == 2)
            #expect(front.requests == 20, "\(listeners)")
        }
    }
}
