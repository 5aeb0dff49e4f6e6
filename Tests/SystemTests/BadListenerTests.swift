// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// What can be wrong with listeners and what lies behind them: each gets a clear line, and what runs goes on.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl", "openssl"))
struct BadListenerTests {
    private static let services: [Service] = {
        var web = Service(name: "web", port: 8080, forward: "sockets", backends: [Service.webs(3)[0]])
        web.backendPort = 80
        web.health = Service.healthz
        var bad = Service(name: "bad", port: 8081, forward: "sockets", backends: [Service.webs(3)[1]])
        bad.backendPort = 7777
        return [web, bad]
    }()

    private static let front = "{ name: front, address: \(Lab.vip), port: 80 }"
    private static let rest = "{ service: web }"

    private static func document(_ listeners: [String] = [front], _ routes: [String] = [rest]) -> String {
        Service.document(services) + "listeners:\n" + listeners.map { "  - \($0)\n" }.joined() + "routes:\n"
            + routes.map { "  - \($0)\n" }.joined()
    }

    private static func with(_ body: (Lab) async throws -> Void) async throws {
        try await Lab.with { lab in
            try await lab.run("edge1", "ip", "address", "add", "\(Lab.vip)/32", "dev", "lo")
            try lab.edge.configure(services, workers: 2)
            try lab.edge.write(document(), to: "services.yaml")
            try await lab.edge.start()
            try await body(lab)
        }
    }

    private static func answer(_ lab: Lab, _ path: String = "/") async throws -> String {
        let curl = "curl -s --max-time 20 -o /dev/null -w '%{http_code}' http://\(Lab.vip)\(path)"
        return try await lab.run("client", "sh", "-c", "\(curl) || true")
    }

    private static func make(_ name: String, in folder: String) throws {
        _ = try Shell.run(
            """
            cd \(folder) && umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
            -subj '/CN=\(name)' -days 30 -keyout \(name).key -out \(name).pem 2>&1
            """)
    }

    /// Beginning and end lie in the past: `openssl req` makes none such.
    private static func makeExpired(_ name: String, in folder: String) throws {
        _ = try Shell.run(
            """
            cd \(folder) && umask 077 && mkdir ca && touch ca/index && echo 01 >ca/serial && \
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj '/CN=\(name)' \
            -keyout \(name).key -out \(name).csr 2>&1 && \
            printf '[ca]\\ndefault_ca=a\\n[a]\\nnew_certs_dir=ca\\ndatabase=ca/index\\nserial=ca/serial\\n\
            default_md=sha256\\npolicy=p\\n[p]\\ncommonName=supplied\\n' >ca/conf && \
            openssl ca -batch -config ca/conf -selfsign -keyfile \(name).key -in \(name).csr -out \(name).pem \
            -notext -startdate 20200101000000Z -enddate 20200201000000Z 2>&1
            """)
    }

    @Test func `a document that is wrong is refused by one line, and what runs goes on`() async throws {
        try await Self.with { lab in
            let folder = try TemporaryDirectory()
            try Self.make("good", in: folder.path)
            try Self.make("other", in: folder.path)
            try Self.makeExpired("old", in: folder.path)
            func secure(_ cert: String, _ key: String) -> String {
                let files = "cert: \(folder.path)/\(cert).pem, key: \(folder.path)/\(key).key"
                return "{ name: s, address: \(Lab.vip), port: 443, tls: { certificates: [ { \(files) } ] } }"
            }
            let rows: [(String, String)] = [
                (Self.document([Self.front], ["{ service: wbe }"]), "there is no service 'wbe'; did you mean 'web'?"),
                (Self.document([Self.front], [Self.rest, Self.rest]), "route */ is the same as that in line"),
                (Self.document([secure("old", "old")]), "use certificate \(folder.path)/old.pem: it has expired"),
                (Self.document([secure("good", "other")]), "use key \(folder.path)/other.key: key values mismatch"),
            ]
            let before = try await lab.edge.status().generation?.digest
            for (text, line) in rows {
                try lab.edge.write(text, to: "bad.yaml")
                let check = try await lab.edge.output(["check", "\(lab.edge.folder)/bad.yaml"])
                #expect(check.status == 1 && check.errors.contains(line), "\(line): \(check)")
                #expect(check.errors.contains("1 error; nothing was changed"), "\(check)")
            }
            #expect(try await lab.edge.status().generation?.digest == before)
            #expect(try await Self.answer(lab) == "200")
        }
    }

    @Test func `a port that is in use is named, and other listeners go on`() async throws {
        try await Self.with { lab in
            let squat =
                "import socket,time; s=socket.create_server((\"\(Lab.vip)\",81)); print(\"held\",flush=True); "
                + "time.sleep(600)"
            try await lab.start("edge1", "squat", ["python3", "-c", squat])
            try await until("the port is held") { try lab.log("squat").contains("held") }
            let other = "{ name: other, address: \(Lab.vip), port: 81 }"
            try lab.edge.write(Self.document([Self.front, other]), to: "services.yaml")
            try await lab.edge.reload()
            try await until("the warning is there") {
                try await lab.edge.status().warnings.contains {
                    $0.contains("no connection comes to \(Lab.vip):81/tcp") && $0.contains("Address already in use")
                }
            }
            #expect(try await Self.answer(lab) == "200")
        }
    }

    @Test func `a backend that speaks garbage is answered with 502, and others serve`() async throws {
        try await Self.with { lab in
            let garbage =
                "import socket; s=socket.create_server((\"\",7777)); print(\"ready\",flush=True)\nwhile True:\n"
                + " c,_=s.accept(); c.recv(65536); c.sendall(b\"\\x00\\x01garbage\\r\\n\\r\\n\"); c.close()"
            try await lab.start("web2", "garbage", ["python3", "-c", garbage])
            try await until("it listens") { try lab.log("garbage").contains("ready") }
            let routes = ["{ match: { path: /bad }, service: bad }", Self.rest]
            try lab.edge.write(Self.document([Self.front], routes), to: "services.yaml")
            try await lab.edge.reload()
            try await until("the route is in force") { try await Self.answer(lab, "/bad") == "502" }
            #expect(try await Self.answer(lab) == "200")
        }
    }
}
