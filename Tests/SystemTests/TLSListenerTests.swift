// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Listeners with TLS: certificates are each host's files, and the workers cannot read them.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl", "openssl"))
struct TLSListenerTests {
    private static let services: [Service] = {
        var service = Service(name: "web", port: 8080, forward: "sockets", backends: [Service.webs(3)[0]])
        service.backendPort = 80
        service.health = Service.healthz
        return [service]
    }()

    private static func document(_ names: [String], in folder: String, _ more: String = "") -> String {
        let list = names.map { "{ cert: \(folder)/\($0).pem, key: \(folder)/\($0).key }" }.joined(separator: ", ")
        let tls = "tls: { certificates: [ \(list) ]\(more) }"
        return Service.document(services)
            + "listeners:\n  - { name: front, address: \(Lab.vip), port: 443, \(tls) }\nroutes:\n  - { service: web }\n"
    }

    /// A certificate that has signed itself.
    private static func make(_ name: String, as file: String, in folder: String, _ more: String = "-days 30") throws {
        _ = try Shell.run(
            """
            umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj '/CN=\(name)' \
            -addext 'subjectAltName=DNS:\(name)' -keyout \(folder)/\(file).key -out \(folder)/\(file).pem \(more) 2>&1
            """)
    }

    private static func start(_ document: String, in lab: Lab) async throws {
        try await lab.run("edge1", "ip", "address", "add", "\(Lab.vip)/32", "dev", "lo")
        try lab.edge.configure(services, workers: 2)
        try lab.edge.write(document, to: "services.yaml")
        try await lab.edge.start()
    }

    /// Status, version and whose certificate, or curl's fault.
    private static func ask(_ lab: Lab, _ name: String, _ arguments: String) async throws -> String {
        let curl = "curl -sS --max-time 20 -o /dev/null -w '%{http_code} %{http_version}' \(arguments)"
        return try await lab.run(
            "client", "sh", "-c", "\(curl) --resolve \(name):443:\(Lab.vip) https://\(name)/ 2>&1 || true")
    }

    @Test func `HTTP/2 and HTTP/1.1 come by TLS, each name with its certificate`() async throws {
        try await Lab.with { lab in
            let folder = try TemporaryDirectory()
            try Self.make("one.test", as: "one", in: folder.path)
            try Self.make("*.two.test", as: "two", in: folder.path)
            try await Self.start(Self.document(["one", "two"], in: folder.path), in: lab)
            let (one, two) = ("--cacert \(folder.path)/one.pem", "--cacert \(folder.path)/two.pem")
            #expect(try await Self.ask(lab, "one.test", one) == "200 2")
            #expect(try await Self.ask(lab, "one.test", "--http1.1 \(one)") == "200 1.1")
            #expect(try await Self.ask(lab, "www.two.test", two) == "200 2")
            let other = try await Self.ask(lab, "three.test", two)
            #expect(!other.hasPrefix("200"), "the first certificate is for other names")
            #expect(try await lab.edge.status().warnings == [])
        }
    }

    @Test func `a new certificate is shown without a restart, and a broken one is not`() async throws {
        try await Lab.with { lab in
            let folder = try TemporaryDirectory()
            try Self.make("one.test", as: "one", in: folder.path)
            try await Self.start(Self.document(["one"], in: folder.path), in: lab)
            let workers = try await lab.workers()
            try Self.make("one.test", as: "new", in: folder.path)
            let good = "\(folder.path)/good.pem"
            _ = try Shell.run(
                "cd \(folder.path) && cp new.pem good.pem && mv new.pem one.pem && mv new.key one.key")
            try await until("the new certificate is shown") {
                try await Self.ask(lab, "one.test", "--cacert \(good)") == "200 2"
            }
            _ = try Shell.run("echo nothing > \(folder.path)/one.pem")
            try await until("the fault is in the log") { try lab.edge.logged().contains("what it had before goes on") }
            #expect(try await Self.ask(lab, "one.test", "--cacert \(good)") == "200 2")
            #expect(try await lab.workers() == workers)
        }
    }

    @Test func `clients without a certificate are refused where one is asked for`() async throws {
        try await Lab.with { lab in
            let folder = try TemporaryDirectory()
            try Self.make("one.test", as: "one", in: folder.path)
            try Self.make("client", as: "client", in: folder.path)
            let authority = ", client-ca: \(folder.path)/client.pem"
            try await Self.start(Self.document(["one"], in: folder.path, authority), in: lab)
            let trust = "--cacert \(folder.path)/one.pem"
            let own = "--cert \(folder.path)/client.pem --key \(folder.path)/client.key"
            #expect(try await Self.ask(lab, "one.test", "\(trust) \(own)") == "200 2")
            #expect(try await !Self.ask(lab, "one.test", trust).hasPrefix("200"))
        }
    }

    @Test func `sessions are resumed, whichever worker gets them`() async throws {
        try await Lab.with { lab in
            let folder = try TemporaryDirectory()
            try Self.make("one.test", as: "one", in: folder.path)
            try await Self.start(Self.document(["one"], in: folder.path), in: lab)
            let connect = "openssl s_client -ign_eof -connect \(Lab.vip):443 -servername one.test"
            let request = "GET / HTTP/1.1\\r\\nHost: one.test\\r\\nConnection: close\\r\\n\\r\\n"
            let ask = "printf '\(request)' | timeout 20 \(connect)"
            let session = "\(folder.path)/session"
            // With two workers all sixteen come to one of them once in 32,768 runs.
            let text = try await lab.run(
                "client", "sh", "-c",
                "\(ask) -sess_out \(session) >/dev/null 2>&1; for number in $(seq 16); do "
                    + "\(ask) -sess_in \(session) 2>&1 | grep -E '^(Reused|New),'; done")
            #expect(text.split(separator: "\n").count { $0.hasPrefix("Reused, TLSv1.3") } == 16, "\(text)")
        }
    }

    @Test func `certificates are listed with their days, and metrics tell of them`() async throws {
        struct Row: Decodable {
            struct Certificate: Decodable {
                var names: [String]
                var days: Int
            }
            var name: String?
            var certificates: [Certificate]?
        }
        try await Lab.with { lab in
            let folder = try TemporaryDirectory()
            try Self.make("one.test", as: "one", in: folder.path, "-days 30")
            try await Self.start(Self.document(["one"], in: folder.path), in: lab)
            let rows = try await lab.edge.ctl("listener", "list", as: [Row].self)
            let front = try #require(rows.first { $0.name == "front" }?.certificates?.first)
            // Thirty in the second in which it was made.
            let days = [29, 30]
            #expect(front.names == ["one.test"] && days.contains(front.days), "\(front)")
            func says(_ text: String, _ line: (Int) -> String) {
                let says = days.contains { text.contains(line($0)) }
                #expect(says, "\(text)")
            }
            says(try await lab.edge.output(["listener", "list"]).text) { "one.test: \($0) days" }
            says(try await lab.edge.output(["doctor"]).text) {
                "listener front: the certificate of one.test is good for \($0) more days"
            }
            says(try await lab.run("edge1", "curl", "-sf", "http://127.0.0.1:9464/metrics")) {
                #"remaining_days{listener="front",certificate="0",name="one.test"} \#($0)"#
            }
        }
    }

    @Test func `a listener whose files do not serve is not opened, and opens when they do`() async throws {
        try await Lab.with { lab in
            let folder = try TemporaryDirectory()
            try await Self.start(Self.document(["one"], in: folder.path), in: lab)
            try await until("the warning is there") {
                try await lab.edge.status().warnings.contains { $0.hasPrefix("listener front: read certificate") }
            }
            try Self.make("one.test", as: "one", in: folder.path)
            try await until("the listener is there") {
                try await Self.ask(lab, "one.test", "--cacert \(folder.path)/one.pem") == "200 2"
            }
        }
    }

    @Test func `files that do not serve are told with their line, and what runs goes on`() async throws {
        try await Lab.with { lab in
            let folder = try TemporaryDirectory()
            try Self.make("one.test", as: "one", in: folder.path)
            try Self.make("two.test", as: "two", in: folder.path)
            try await Self.start(Self.document(["one"], in: folder.path), in: lab)
            _ = try Shell.run("cd \(folder.path) && cp one.pem bad.pem && cp two.key bad.key")
            _ = try Shell.run("cd \(folder.path) && cp one.pem open.pem && cp one.key open.key && chmod 644 open.key")
            for (name, fault) in [("bad", "key values mismatch"), ("open", "everybody may read or change it")] {
                let document = Self.document([name], in: folder.path)
                try lab.edge.write(document, to: "services.yaml")
                let check = try await lab.edge.output(["check", "\(lab.edge.folder)/services.yaml"])
                let line = document.split(separator: "\n", omittingEmptySubsequences: false)
                    .firstIndex { $0.contains("name: front") }.map { $0 + 1 }
                let text = "services.yaml:\(line ?? 0):5: listener front: use key \(folder.path)/\(name).key: \(fault)"
                #expect(check.status == 1 && check.errors.contains(text), "\(check)")
                try await lab.edge.reload()
                try await until("the warning is there") {
                    try await lab.edge.status().warnings.contains { $0.contains(fault) }
                }
                #expect(try await Self.ask(lab, "one.test", "--cacert \(folder.path)/one.pem") == "200 2")
            }
        }
    }
}
