// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import TestSupport
import Testing

@testable import Coordination

@Suite struct EtcdMessageTests {
    private func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    @Test func `keys and values are base64 and revisions are strings`() throws {
        let transaction = EtcdTransaction(
            compare: [.modified("a", at: 7), .value("b", is: "x")], success: [.put("a", [0, 255])])
        #expect(
            try json(transaction) == """
                {"compare":[{"key":"YQ==","modRevision":"7","result":"EQUAL","target":"MOD"},\
                {"key":"Yg==","result":"EQUAL","target":"VALUE","value":"eA=="}],"failure":[],\
                "success":[{"requestPut":{"key":"YQ==","value":"AP8="}}]}
                """)
    }

    @Test func `a prefix ends where its last byte is raised`() throws {
        #expect(try json(EtcdRange(prefix: "a/")) == #"{"key":"YS8=","rangeEnd":"YTA="}"#)
    }

    @Test func `what is left out is zero, false or empty`() throws {
        let answer = try EtcdJSON.decoded(
            Data(#"{"header":{"revision":"9"},"responses":[{}]}"#.utf8), as: EtcdTransactionAnswer.self)
        #expect(!answer.isDone)
        #expect(answer.header?.number == 9)
        #expect(answer.range(0) == nil)
        let dead = try EtcdJSON.decoded(Data(#"{"result":{"ID":"1"}}"#.utf8), as: EtcdStreamed<EtcdLeaseAnswer>.self)
        #expect(dead.result?.seconds == nil)
    }

    @Test func `lines are put together from pieces`() {
        var lines = LineBuffer()
        #expect(lines.append(ByteBuffer(string: "{\"a\"")).isEmpty)
        #expect(lines.append(ByteBuffer(string: ":1}\n{}\n{")) == [Data("{\"a\":1}".utf8), Data("{}".utf8)])
        #expect(lines.append(ByteBuffer(string: "}\n")) == [Data("{}".utf8)])
    }

    @Test(arguments: ["", "127.0.0.1:2379", "ftp://a:1"])
    func `what is no endpoint is refused`(endpoint: String) {
        #expect(throws: StoreError.self) { try EtcdStore(EtcdSettings(endpoints: [endpoint]), fleet: "f") }
    }
}

@Suite(.requires("etcd", "etcdctl")) struct EtcdTests {
    @Test func `a member that is gone is passed over`() async throws {
        let server = try await EtcdServer.shared.get()
        let settings = EtcdSettings(
            endpoints: ["http://127.0.0.1:1", server.endpoint], timeout: StoreKind.patience)
        let store = try EtcdStore(settings, fleet: "f-" + RandomName.make())
        _ = try await store.found()
        #expect(try await win(store).epoch == 1)
    }

    @Test func `no member at all is one line`() async throws {
        let store = try EtcdStore(EtcdSettings(endpoints: ["http://127.0.0.1:1"]), fleet: "f")
        let error = await #expect(throws: StoreError.self) { try await store.identity() }
        // On a starved machine the time ends first.
        let lines = ["Connection refused", "no answer in time"].map { cause in
            StoreError.unreachable(place: "etcd at http://127.0.0.1:1", operation: "read", cause: cause)
        }
        #expect(error.map(lines.contains) == true, "\(String(describing: error))")
    }

    @Test func `a watch that begins before a compaction is taken up again`() async throws {
        let server = try await EtcdServer.shared.get()
        let store = try await server.site().founded()
        let mark = try await store.changed(.family(.hosts), since: nil, within: .seconds(1))
        for number in UInt8(0)..<3 { _ = try await store.write([number], to: .desired, expecting: .anything, as: nil) }
        let revision = try server.control("get x -w json | jq .header.revision")
        try server.control("compact \(revision.trimmingCharacters(in: .whitespacesAndNewlines))")
        async let next = store.changed(.family(.hosts), since: mark, within: .seconds(20))
        _ = try await store.write([1], to: .host("edge-1"), expecting: .anything, as: nil)
        #expect(try await next != mark)
    }

    @Test func `a key that somebody removed is lost, though the lease lives`() async throws {
        let server = try await EtcdServer.shared.get()
        let site = server.site()
        let store = try await site.founded()
        let tenure = try await win(store)
        try server.control("del sluice/\(site.fleet)/leader")
        #expect(try await store.renew(.leader, as: tenure.token, for: .seconds(30)) == .lost)
    }

    @Test func `users need their password and their right`() async throws {
        let server = try await EtcdServer()
        defer { server.process.end() }
        for command in [
            "user add root:secret", "role add host", "role grant-permission host read --prefix=true sluice/",
            "user add edge:word", "user grant-role edge host", "auth enable",
        ] { try server.control(command) }
        let file = try server.process.directory.write("word\n", to: "password")
        try Shell.run("chmod 600 \(file)")
        let named = EtcdSettings(
            endpoints: [server.endpoint], user: "edge", passwordFile: file, timeout: StoreKind.patience)
        let store = try EtcdStore(named, fleet: "f")
        #expect(try await store.identity() == nil)
        await #expect { try await store.found() } throws: { "\($0)".contains("not permitted") }
        let nobody = try EtcdStore(server.settings, fleet: "f")
        await #expect { try await nobody.identity() } throws: { "\($0)".contains("not permitted") }
        try server.process.directory.write("other\n", to: "password")
        let wrong = try EtcdStore(named, fleet: "f")
        await #expect { try await wrong.identity() } throws: { "\($0)".contains("authenticate as edge") }
    }

    @Test(.requires("openssl")) func `over TLS the certificate decides`() async throws {
        let directory = try TemporaryDirectory()
        for name in ["right", "wrong"] {
            try Shell.run(
                """
                openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=t \
                -addext subjectAltName=IP:127.0.0.1 -keyout \(directory.path)/\(name).key \
                -out \(directory.path)/\(name).pem
                """)
        }
        let client = "https://127.0.0.1:\(try StoreProcess.freePort())"
        let peer = "http://127.0.0.1:\(try StoreProcess.freePort())"
        let trusted = StoreTLS(authorityFile: "\(directory.path)/right.pem")
        let store = try EtcdStore(
            EtcdSettings(endpoints: [client], tls: trusted, timeout: StoreKind.patience), fleet: "f")
        let server = try await StoreProcess(
            [
                Requirement.path(of: "etcd") ?? "etcd", "--data-dir", "\(directory.path)/data", "--listen-client-urls",
                client, "--advertise-client-urls", client, "--listen-peer-urls", peer,
                "--initial-advertise-peer-urls", peer, "--initial-cluster", "default=\(peer)", "--cert-file",
                "\(directory.path)/right.pem", "--key-file", "\(directory.path)/right.key",
            ], in: directory
        ) { try await store.identity() == nil }
        defer { server.end() }
        _ = try await store.found()
        let other = StoreTLS(authorityFile: "\(directory.path)/wrong.pem")
        let wrong = try EtcdStore(
            EtcdSettings(endpoints: [client], tls: other, timeout: StoreKind.patience), fleet: "f")
        await #expect { try await wrong.identity() } throws: { "\($0)".contains("CERTIFICATE_VERIFY_FAILED") }
    }

    @Test func `health names the version and the size`() async throws {
        #expect(
            EtcdSpace(bytes: 300 << 20, used: 20 << 20).problems == [
                "its file has 300 MiB, of which 20 are used: etcdctl defrag"
            ])
        #expect(EtcdSpace(bytes: 1700 << 20, used: 1600 << 20).problems.first?.contains("compact it") == true)
        #expect(EtcdSpace(bytes: 50 << 20, used: 1 << 20).problems.isEmpty)
        let health = try await EtcdServer.shared.get().site().client("a").health()
        #expect(health.version?.hasPrefix("3.") == true)
        #expect(health.bytes ?? 0 > 0)
        #expect(health.problems.isEmpty)
    }
}
