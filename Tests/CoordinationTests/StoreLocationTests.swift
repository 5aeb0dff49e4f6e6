// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Testing

@testable import Coordination

@Suite struct StoreLocationTests {
    @Test func `members of etcd are a list, with and without their port`() throws {
        let location = try StoreLocation("etcd://10.0.0.1,etcd.example:4001,[2001:db8::1]:2379")
        #expect(
            location
                == .etcd(
                    EtcdSettings(
                        endpoints: ["http://10.0.0.1:2379", "http://etcd.example:4001", "http://[2001:db8::1]:2379"])))
    }

    @Test func `a scheme that ends in s is over TLS`() throws {
        let files = StoreTLS(authorityFile: "/ca.pem")
        guard case .etcd(let etcd) = try StoreLocation("etcds://a", as: StoreCredentials(tls: files)),
            case .redis(let redis) = try StoreLocation("rediss://a"),
            case .consul(let consul) = try StoreLocation("consuls://a")
        else { throw NotWon() }
        #expect(etcd.endpoints == ["https://a:2379"])
        #expect(etcd.tls == files)
        #expect(redis.tls == StoreTLS())
        #expect(consul.addresses == [.https(host: "a", port: 8501)])
    }

    @Test func `a sentinel needs the name of its master`() throws {
        let location = try StoreLocation("redis-sentinel://10.0.0.1/main", as: StoreCredentials(user: "u"))
        #expect(location == .redis(RedisSettings(host: "10.0.0.1", port: 26379, user: "u", sentinelMaster: "main")))
        let several = try StoreLocation("redis-sentinel://10.0.0.1,10.0.0.2:26380/main")
        guard case .redis(let settings) = several else { return #expect(Bool(false), "\(several)") }
        #expect(settings.otherSentinels == [RedisEnd(host: "10.0.0.2", port: 26380)])
        #expect(throws: StoreError.self) { try StoreLocation("redis-sentinel://10.0.0.1") }
    }

    @Test(arguments: [
        "", "etcd", "etcd:10.0.0.1", "etcd://", "etcd://a,", "etcd://a/b", "etcd://a:0", "etcd://a:70000", "http://a",
        "redis://a,b", "redlock://a,b", "locals://x", "local:x", "consul://a b", "consul://2001:db8::1",
    ])
    func `what names no store is refused`(text: String) {
        #expect(throws: StoreError.self) { try StoreLocation(text) }
    }

    @Test func `a store of a directory is opened and closed again`() async throws {
        let directory = try LastingDirectories.make()
        let location = try StoreLocation("local:\(directory.path)/locks")
        let identity = try await location.withStore(of: "f") { try await $0.found() }
        #expect(try await location.withLocks(of: "f") { try await $0.status(of: .leader).epoch } == 0)
        #expect(try await location.withStore(of: "f") { try await $0.identity() } == identity)
    }

    @Test func `Redlock keeps no documents`() async throws {
        await #expect { try await StoreLocation("redlock://a,b,c").withStore(of: "f") { _ in } } throws: {
            "\($0)".contains("keeps locks alone")
        }
    }
}
