// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Coordination

@Suite(.requires("redis-server")) struct RedisTests {
    @Test func `scripts that the server forgot are sent again`() async throws {
        let server = try await RedisServer()
        defer { server.process.end() }
        let store = try await server.site().founded()
        let tenure = try await win(store)
        _ = try await server.command("SCRIPT", "FLUSH")
        #expect(try await store.renew(.leader, as: tenure.token, for: .seconds(30)) == .renewed)
    }

    @Test func `many who wait are all woken, by one connection`() async throws {
        let site = try await RedisServer.shared.get().site()
        let store = try await site.founded()
        let start = BootClock.now()
        try await withThrowingTaskGroup { group in
            for number in 0..<20 {
                let name = try DocumentName.host("edge-\(number)")
                let mark = try await store.changed(.document(name), since: nil, within: .seconds(1))
                group.addTask {
                    let next = try await store.changed(.document(name), since: mark, within: .seconds(30))
                    #expect(next != mark)
                }
            }
            for number in 0..<20 {
                _ = try await store.write([1], to: .host("edge-\(number)"), expecting: .anything, as: nil)
            }
            try await group.waitForAll()
        }
        #expect(BootClock.now() - start < .seconds(20))
    }

    @Test func `who waits no more does not wait for the stream`() async throws {
        let site = try await RedisServer.shared.get().site()
        _ = try await site.founded()
        // A fleet's name of its own, and a store in which nobody else waits.
        let store = try #require(try await site.client("alone") as? RedisStore)
        let mark = try await store.changed(.document(.current), since: nil, within: .seconds(1))
        let waiting = Task { try await store.changed(.document(.current), since: mark, within: .seconds(60)) }
        try await awaited("a reader") { await store.readingFrom != nil }
        waiting.cancel()
        _ = await waiting.result
        #expect(await store.readingFrom != nil, "it waited until the command's time was over")
    }

    @Test func `nobody there is one line`() async throws {
        let store = try RedisStore(RedisSettings(host: "127.0.0.1", port: 1), fleet: "f")
        await #expect(
            throws: StoreError.unreachable(
                place: "redis at 127.0.0.1:1", operation: "read identity", cause: "Connection refused")
        ) { try await store.identity() }
    }

    @Test func `users need their password and their right`() async throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("secret\n", to: "password")
        try Shell.run("chmod 600 \(file)")
        let root = RedisSettings(host: "127.0.0.1", passwordFile: file)
        let server = try await RedisServer(
            options: "--user default on >secret ~* &* +@all --user host on >secret %R~sluice/* +@read +@connection"
                .split(separator: " ").map { String($0) }, probe: root)
        defer { server.process.end() }
        let nobody = try RedisStore(server.settings, fleet: "f")
        await #expect { try await nobody.identity() } throws: { "\($0)".contains("not permitted: NOAUTH") }
        var named = server.settings
        named.user = "host"
        named.passwordFile = file
        let store = try RedisStore(named, fleet: "f")
        #expect(try await store.identity() == nil)
        await #expect { try await store.found() } throws: { "\($0)".contains("not permitted: NOPERM") }
        try directory.write("other\n", to: "password")
        let wrong = try RedisStore(named, fleet: "f")
        await #expect { try await wrong.identity() } throws: { "\($0)".contains("not permitted: WRONGPASS") }
        try Shell.run("chmod 644 \(file)")
        await #expect(throws: StoreError.credentials("\(file): everybody on this host may use it: chmod o= \(file)")) {
            try await wrong.identity()
        }
    }

    @Test(.requires("openssl")) func `over TLS the certificate decides`() async throws {
        let directory = try TemporaryDirectory()
        for name in ["right", "wrong"] {
            try Shell.run(
                """
                openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=t \
                -addext subjectAltName=IP:127.0.0.1 -keyout \(directory.path)/\(name).key \
                -out \(directory.path)/\(name).pem && chmod 600 \(directory.path)/\(name).key
                """)
        }
        let trusted = StoreTLS(authorityFile: "\(directory.path)/right.pem")
        let port = try StoreProcess.freePort()
        let server = try await RedisServer(
            options: [
                "--port", "0", "--tls-port", "\(port)", "--tls-cert-file", "\(directory.path)/right.pem",
                "--tls-key-file", "\(directory.path)/right.key", "--tls-auth-clients", "no",
            ], port: port, probe: RedisSettings(host: "127.0.0.1", tls: trusted))
        defer { server.process.end() }
        var settings = server.settings
        settings.tls = trusted
        let store = try RedisStore(settings, fleet: "f")
        let blob = [UInt8](repeating: 3, count: 1 << 20)
        _ = try await store.found()
        let digest = try await store.putBlob(blob)
        let read = try await store.blob(digest)
        #expect(read == blob)
        settings.tls = StoreTLS(authorityFile: "\(directory.path)/wrong.pem")
        let other = try RedisStore(settings, fleet: "f")
        await #expect { try await other.identity() } throws: { "\($0)".contains("certificate verify failed") }
    }
}
