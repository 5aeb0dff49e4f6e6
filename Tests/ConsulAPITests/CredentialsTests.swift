// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import TestSupport
import Testing

@Suite struct CredentialsTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func asked(tokenFile: String, between: () throws -> Void = {}) async throws -> [String] {
        let server = try ScriptedHTTPServer { _ in .answer(body: "[]") }
        defer { server.stop() }
        let address = ConsulAddress.http(host: "127.0.0.1", port: Int(server.port))
        return try await withClient(ConsulSettings(addresses: [address], tokenFile: tokenFile)) { client in
            _ = try await client.healthService("web")
            try between()
            _ = try await client.healthService("web")
            return server.requests.map(\.head)
        }
    }

    private func token(_ text: String, mode: String = "640") throws -> String {
        let file = try directory.write(text, to: "token")
        try Shell.run("chmod \(mode) \(file)")
        return file
    }

    @Test func `the token goes in a header and is rotated by writing its file`() async throws {
        let file = try token("first\n")
        let heads = try await asked(tokenFile: file) { _ = try token("second\n") }
        #expect(heads[0].contains("X-Consul-Token: first"))
        #expect(heads[1].contains("X-Consul-Token: second"))
        #expect(heads.allSatisfy { $0.hasPrefix("GET /v1/health/service/web HTTP") })
    }

    @Test func `a token that everybody may read is not sent`() async throws {
        let file = try token("secret", mode: "644")
        let error = try await failure { try await asked(tokenFile: file) }
        #expect(error.kind == .credentials)
        #expect(error.cause == "\(file): everybody on this host may use it; chmod o= \(file)")
    }

    @Test func `a missing token file is named`() async throws {
        let error = try await failure { try await asked(tokenFile: "/nowhere/token") }
        #expect(error.kind == .credentials)
        #expect(error.cause == "read /nowhere/token: No such file or directory")
    }

    @Test(arguments: ["", "two words", "line\r\nX-Evil: 1"])
    func `a token file holds one word`(text: String) async throws {
        let file = try token(text)
        #expect(try await failure { try await asked(tokenFile: file) }.kind == .credentials)
    }

    @Test(arguments: [
        ("http://127.0.0.1:8500", "http://127.0.0.1:8500"), ("https://consul.example", "https://consul.example:8501"),
        ("http://[::1]:8500/", "http://[::1]:8500"), ("unix:///run/consul.sock", "unix:///run/consul.sock"),
    ])
    func `an address reads as it is written`(text: String, written: String) {
        #expect(ConsulAddress(text)?.description == written)
    }

    @Test(arguments: ["127.0.0.1:8500", "ftp://x", "http://u:p@x", "http://x/path", "http://x?token=1", "http://x:0"])
    func `what is no address is refused`(text: String) {
        #expect(ConsulAddress(text) == nil)
    }
}
