// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Model
import Templates
import TestSupport
import Testing

/// From a real Consul into configurations of real servers.
@Suite(.requires("consul", "curl")) struct RealServerTests {
    @Test(.requires("nginx")) func `nginx follows the catalog`() async throws {
        try await follows(
            """
            pid DIR/pid; error_log DIR/log; events {}
            http {
                access_log off;
                upstream web {
            {{#services.web}}
                    server {{endpoint}} weight={{weight}};
            {{/services.web}}
                }
                server { listen 127.0.0.1:PORT; location / { proxy_pass http://web; {{{keys.extra}}} } }
            }

            """, check: "nginx -t -q -c {path}",
            reload: "if test -s DIR/pid; then nginx -s reload -c DIR/out; else nginx -c DIR/out; fi",
            bad: "no_such_directive on;")
    }

    @Test(.requires("haproxy")) func `HAProxy follows the catalog`() async throws {
        try await follows(
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 5s
                timeout server 5s
            frontend in
                bind 127.0.0.1:PORT
                default_backend web
            backend web
                balance roundrobin
                {{{keys.extra}}}
            {{#services.web}}
                server {{id}} {{endpoint}} weight {{weight}}
            {{/services.web}}

            """, check: "haproxy -c -q -f {path}",
            reload: "haproxy -D -f DIR/out -p DIR/pid $(test -s DIR/pid && echo -sf $(cat DIR/pid))",
            bad: "no-such-keyword on")
    }

    /// The server is started by the first write; then an instance comes, a bad key is refused, and an instance goes.
    private func follows(_ text: String, check: String, reload: String, bad: String) async throws {
        let one = try ScriptedHTTPServer { _ in .answer(body: "one") }
        let two = try ScriptedHTTPServer { _ in .answer(body: "two") }
        defer {
            one.stop()
            two.stop()
        }
        let server = try ConsulServer()
        try await withBench(port: server.port) { bench in
            let port = try ServerProcess.freePorts(1)[0]
            func filled(_ text: String) -> String {
                text.replacing("DIR", with: bench.path).replacing("PORT", with: "\(port)")
            }
            var definition = try bench.definition(filled(text))
            definition.services = [.init(name: "web", query: CatalogQuery(service: "web"))]
            definition.keys = [.init(name: "extra", key: "t/extra", fallback: "")]
            definition.validate = .shell("\(check) || { touch \(bench.path)/refused; false; }")
            definition.command = .shell(filled(reload))
            func answers(_ expected: Set<String>) async throws {
                try await awaited("answers of \(expected.sorted())") {
                    Set(try (0..<6).map { _ in try Shell.run("curl -s -m 2 http://127.0.0.1:\(port)/ || true") })
                        == expected
                }
            }
            // It was started by the command, and lives on.
            defer { _ = Result { try Shell.run("kill $(cat \(bench.path)/pid)") } }
            try await bench.register("a", port: one.port)
            try await whileFollowing(bench, definition) {
                try await answers(["one"])
                try await bench.register("b", port: two.port)
                try await answers(["one", "two"])
                let before = try bench.content("out")
                _ = try await bench.client.putKey("t/extra", Array(bad.utf8))
                try await bench.client.deregister("a")
                // The check sees both changes; what it refuses leaves the file and the server as they were.
                try await awaited("a refusal") { try bench.content("refused") != nil }
                #expect(try bench.content("out") == before)
                try await answers(["one", "two"])
                _ = try await bench.client.putKey("t/extra", [])
                try await answers(["two"])
            }
        }
    }

    @Test func `a key that somebody else writes meanwhile is read again`() async throws {
        let server = try ConsulServer()
        try await withBench(port: server.port) { bench in
            try await bench.isReady()
            var definition = try bench.definition("mine")
            definition.target = .key("out")
            // Between the reading and the writing.
            definition.validate = .shell(
                "test -f {path} && curl -s -X PUT -d theirs \(server.address)/v1/kv/out >> \(bench.path)/theirs")
            definition.command = .shell("echo ran >> \(bench.path)/ran")
            #expect(try await bench.once(definition) == "written")
            #expect(try bench.content("theirs") == "true\n")
            #expect(try await bench.client.keyValue("out").value?.value == Array("mine".utf8))
            #expect(try await bench.once(definition) == "unchanged")
            #expect(try bench.content("ran") == "ran\n")
        }
    }

    @Test func `a template in a key, filled from keys below a prefix`() async throws {
        let server = try ConsulServer()
        try await withBench(port: server.port) { bench in
            try await bench.isReady()
            for (key, value) in [
                ("t/text", "{{#prefixes.p}}{{name}}={{value}}{{^last()}},{{/last()}}{{/prefixes.p}}"), ("p/a", "1"),
                ("p/b", "2"),
            ] {
                _ = try await bench.client.putKey(key, Array(value.utf8))
            }
            var definition = try bench.definition("")
            definition.source = .key("t/text")
            definition.prefixes = [.init(name: "p", prefix: "p/")]
            try await whileFollowing(bench, definition) {
                try await awaited("both") { try bench.content("out") == "a=1,b=2" }
                _ = try await bench.client.deleteKey("p/a")
                try await awaited("one") { try bench.content("out") == "b=2" }
                // All at once looks like a mistake.
                try await bench.client.deleteKeys(prefix: "p/")
                _ = try await bench.client.putKey("t/text", Array("again {{#prefixes.p}}{{value}}{{/prefixes.p}}".utf8))
                try await awaited("the new template") { try bench.content("out") == "again 2" }
            }
        }
    }

    @Test func `what is not there yet is waited for`() async throws {
        let server = try ConsulServer()
        try await withBench(port: server.port) { bench in
            try await bench.isReady()
            var definition = try bench.definition("{{keys.k}}")
            definition.keys = [.init(name: "k", key: "late")]
            #expect(
                try await bench.once(definition, within: .seconds(5)) == "waits for key late: there is none")
            #expect(try bench.content("out") == nil)
            try await whileFollowing(bench, definition) {
                _ = try await bench.client.putKey("late", Array("now".utf8))
                try await awaited("the file") { try bench.content("out") == "now" }
            }
        }
    }

    @Test func `an unreachable Consul is named`() async throws {
        try await withBench { bench in
            var definition = try bench.definition("{{keys.k}}")
            definition.keys = [.init(name: "k", key: "k")]
            let outcome = try await bench.once(definition, within: .seconds(20))
            #expect(outcome.hasPrefix("waits for key k: GET /v1/kv/k at http://127.0.0.1:1"))
        }
    }
}

extension Bench {
    /// A server that has just begun knows no leader yet.
    func isReady() async throws {
        try await awaited("a leader") {
            do { return try await client.leader() != nil } catch is ConsulError { return false }
        }
    }

    func register(_ id: String, port: UInt16) async throws {
        try await isReady()
        let body = #"{ "Name": "web", "ID": "\#(id)", "Address": "127.0.0.1", "Port": \#(port) }"#
        _ = try await client.put("/agent/service/register", body: Array(body.utf8))
    }
}

extension ConsulClient {
    fileprivate func deregister(_ id: String) async throws { _ = try await put("/agent/service/deregister/\(id)") }
}
