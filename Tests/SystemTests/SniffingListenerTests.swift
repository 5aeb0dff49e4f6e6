// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Several protocols on one port, each to its own place, through the daemon and its workers.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl", "openssl"))
struct SniffingListenerTests {
    private static let services: [Service] = ["web", "raw"].enumerated().map { index, name in
        var service = Service(
            name: name, port: 8080 + index, forward: "sockets", backends: [Service.webs(3)[index]])
        service.backendPort = 80
        service.health = Service.healthz
        return service
    }

    private static func document(_ more: String) -> String {
        Service.document(services)
            + "listeners:\n  - { name: mixed, address: \(Lab.vip), port: 443, protocol: sniff\(more) }\n"
            + "routes:\n  - { service: web }\n"
    }

    private static func start(_ document: String, in lab: Lab) async throws {
        try await lab.run("edge1", "ip", "address", "add", "\(Lab.vip)/32", "dev", "lo")
        try lab.edge.configure(services, workers: 2)
        try lab.edge.write(document, to: "services.yaml")
        try await lab.edge.start()
    }

    private static func shell(_ lab: Lab, _ script: String) async throws -> String {
        try await lab.run("client", "sh", "-c", "\(script) || true")
    }

    private struct Row: Decodable {
        var kind: String
        var accepted: Int
        var ended: [String: Int]
    }

    private static func row(_ lab: Lab) async throws -> Row? {
        try await lab.edge.ctl("listener", "list", as: [Row].self).first { $0.kind == "sniff" }
    }

    @Test(arguments: ["--http1.1", "--http2-prior-knowledge"])
    func `HTTP goes by the routes`(version: String) async throws {
        try await Lab.with { lab in
            try await Self.start(Self.document(", raw: raw"), in: lab)
            let curl = "curl -sS --max-time 20 \(version) http://\(Lab.vip):443/ 2>&1"
            #expect(try await Self.shell(lab, curl) == "web1\n")
            #expect(try await lab.edge.status().warnings == [])
        }
    }

    @Test func `what is neither TLS nor HTTP goes to the raw service`() async throws {
        try await Lab.with { lab in
            try await Self.start(Self.document(", raw: raw"), in: lab)
            // A newline before the request is no protocol that is known here; nginx passes it over.
            let talk = "printf '\\r\\nGET / HTTP/1.0\\r\\n\\r\\n'"
            let answer = try await Self.shell(lab, "\(talk) | timeout 20 python3 -c '\(Self.netcat)'")
            #expect(answer.hasSuffix("web2\n"), "\(answer)")
        }
    }

    @Test func `TLS of a name passes through to its service, which ends it`() async throws {
        try await Lab.with { lab in
            let folder = try TemporaryDirectory()
            _ = try Shell.run(
                """
                cd \(folder.path) && umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
                -nodes -subj /CN=own.test -addext subjectAltName=DNS:own.test -keyout key -out pem 2>&1
                """)
            let tls = ", tls: { certificates: [ { cert: \(folder.path)/pem, key: \(folder.path)/key } ] }"
            try await Self.start(Self.document(tls + ", passthrough: [ { host: far.test, service: raw } ]"), in: lab)
            // The backend speaks no TLS: its own words against the hello show that it got it.
            let far = try await Self.shell(
                lab, "timeout 20 openssl s_client -connect \(Lab.vip):443 -servername far.test </dev/null 2>&1")
            #expect(far.contains("wrong version number") || far.contains("packet length"), "\(far)")
            let own = try await Self.shell(
                lab,
                "curl -sS --max-time 20 --cacert \(folder.path)/pem --resolve own.test:443:\(Lab.vip) "
                    + "https://own.test/ 2>&1")
            #expect(own == "web1\n")
        }
    }

    @Test func `an unknown protocol without a raw service is reset, and counted by its reason`() async throws {
        try await Lab.with { lab in
            try await Self.start(Self.document(""), in: lab)
            let answer = try await Self.shell(lab, "echo SSH-2.0-x | timeout 20 python3 -c '\(Self.netcat)'")
            #expect(answer == "reset\n")
            let tls = try await Self.shell(
                lab, "timeout 20 openssl s_client -connect \(Lab.vip):443 -servername x.test </dev/null 2>&1")
            #expect(tls.contains("CONNECTED"), "\(tls)")
            let row = try #require(try await Self.row(lab))
            #expect(row.ended == ["unknownProtocol": 1, "unknownName": 1] && row.accepted == 2, "\(row)")
            let metrics = try await lab.run("edge1", "curl", "-sf", "http://127.0.0.1:9464/metrics")
            let line = #"sluice_listener_refused_connections_total{listener="mixed",reason="unknownProtocol"} 1"#
            #expect(metrics.contains(line), "\(metrics)")
        }
    }

    /// Sends what it reads, and prints what comes back.
    private static let netcat = """
        import socket, sys
        text = b""
        try:
            s = socket.create_connection(("\(Lab.vip)", 443), 20)
            s.sendall(sys.stdin.buffer.readline())
            s.sendall(sys.stdin.buffer.readline())
            s.sendall(sys.stdin.buffer.readline())
            while True:
                more = s.recv(65536)
                if not more: break
                text += more
        except ConnectionResetError:
            text += b"reset\\n"
        except OSError as failure:
            text += str(failure).encode()
        sys.stdout.write(text.decode())
        """
}
