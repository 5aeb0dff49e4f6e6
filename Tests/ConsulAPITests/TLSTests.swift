// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import TestSupport
import Testing

/// Consul behind TLS that wants a client's certificate, with files made for the test.
@Suite(.requires("consul", "openssl")) struct TLSTests {
    private let directory: TemporaryDirectory
    private var folder: String { directory.path }

    init() throws {
        directory = try TemporaryDirectory()
        try Shell.run("cd \(folder) && \(Self.authority("ca")) && \(Self.authority("other"))")
        for name in ["server", "client"] { try sign(name, by: "ca") }
    }

    private static func authority(_ name: String) -> String {
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout \(name).key -out \(name).pem -subj /CN=\(name)"
    }

    private func sign(_ name: String, by authority: String) throws {
        try directory.write("subjectAltName=DNS:server.dc1.consul", to: "names")
        try Shell.run(
            """
            cd \(folder) && openssl req -newkey rsa:2048 -nodes -keyout \(name).key -out \(name).csr -subj /CN=\(name) &&
            openssl x509 -req -days 2 -in \(name).csr -CA \(authority).pem -CAkey \(authority).key -CAcreateserial \
            -extfile names -out \(name).pem && chmod 600 \(name).key
            """)
    }

    /// The leader as a client with these files sees it.
    private func asked(_ tls: ConsulTLS) async throws -> String? {
        let port = try ServerProcess.freePorts(1)[0]
        let server = try ConsulServer(
            settings: """
                , "ca_file": "\(folder)/ca.pem", "cert_file": "\(folder)/server.pem",
                "key_file": "\(folder)/server.key", "verify_incoming_https": true
                """, ports: #", "https": \#(port)"#)
        try await withConsul(server) { _ in }
        let settings = ConsulSettings(addresses: [.https(host: "127.0.0.1", port: Int(port))], tls: tls)
        return try await withClient(settings) { try await $0.leader() }
    }

    private func files(authority: String = "ca", name: String? = "server.dc1.consul") -> ConsulTLS {
        ConsulTLS(
            authority: "\(folder)/\(authority).pem", certificate: "\(folder)/client.pem", key: "\(folder)/client.key",
            serverName: name)
    }

    @Test func `a server whose certificate has the name is trusted`() async throws {
        #expect(try await asked(files()) != nil)
    }

    @Test func `a server of another authority is not`() async throws {
        let error = try await failure { try await asked(files(authority: "other")) }
        #expect(error.kind == .unreachable)
        #expect(error.cause.contains("CERTIFICATE_VERIFY_FAILED"), "\(error)")
    }

    @Test func `a server with another name is not`() async throws {
        #expect(try await failure { try await asked(files(name: "else.example")) }.kind == .unreachable)
    }

    @Test func `a missing certificate is named`() async throws {
        let missing = ConsulTLS(authority: folder + "/none.pem")
        let error = try await failure { try await asked(missing) }
        #expect(error.kind == .credentials)
        #expect(error.cause == "read \(folder)/none.pem: No such file or directory")
    }

    @Test func `a key that everybody may read is not used`() async throws {
        try Shell.run("chmod 644 \(folder)/client.key")
        #expect(try await failure { try await asked(files()) }.kind == .credentials)
    }

    @Test func `what is no certificate is named`() async throws {
        try directory.write("hello", to: "ca2.pem")
        let error = try await failure { try await asked(ConsulTLS(authority: folder + "/ca2.pem")) }
        #expect(error.kind == .credentials)
    }

    @Test func `an agent answers on its Unix socket`() async throws {
        let path = folder + "/consul.sock"
        let server = try ConsulServer(settings: #", "addresses": { "http": "127.0.0.1 unix://\#(path)" }"#)
        try await withConsul(server) { _ in }
        let leader = try await withClient(ConsulSettings(addresses: [.unix(path: path)])) { try await $0.leader() }
        #expect(leader != nil)
    }
}
