// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import TestSupport
import Testing

/// Against Consul itself.
@Suite(.requires("consul")) struct RealConsulTests {
    @Test func `keys are written, compared, listed and deleted`() async throws {
        try await withConsul(try ConsulServer()) { client in
            #expect(try await client.keyValue("a/1").value == nil)
            #expect(try await client.putKey("a/1", Array("one".utf8), condition: .unchanged(since: 0)))
            #expect(try await !client.putKey("a/1", [], condition: .unchanged(since: 0)))
            let found = try #require(try await client.keyValue("a/1").value)
            #expect(found.value == Array("one".utf8))
            #expect(try await client.putKey("a/ü b", [0, 255], condition: .none))
            #expect(try await client.keyValues(prefix: "a/").value.map(\.key) == ["a/1", "a/ü b"])
            #expect(try await client.keys(prefix: "", separator: "/") == ["a/"])
            #expect(try await !client.deleteKey("a/1", unchangedSince: found.modifyIndex - 1))
            #expect(try await client.deleteKey("a/1", unchangedSince: found.modifyIndex))
            try await client.deleteKeys(prefix: "a/")
            #expect(try await client.keyValues(prefix: "a/").value.isEmpty)
        }
    }

    @Test func `a session locks a key for itself alone`() async throws {
        try await withConsul(try ConsulServer()) { client in
            let request = SessionRequest(name: "one", timeToLive: .seconds(10), lockDelay: .zero)
            let (mine, other) = (try await client.createSession(request), try await client.createSession(request))
            #expect(try await client.putKey("leader", [], condition: .acquire(session: mine)))
            #expect(try await !client.putKey("leader", [], condition: .acquire(session: other)))
            #expect(try await client.keyValue("leader").value?.session == mine)
            #expect(try await client.renewSession(mine)?.timeToLive == "10s")
            try await client.destroySession(mine)
            #expect(try await client.renewSession(mine) == nil)
            #expect(try await client.session(mine).value == nil)
            #expect(try await client.putKey("leader", [], condition: .acquire(session: other)))
        }
    }

    @Test func `a transaction is done wholly or not at all`() async throws {
        try await withConsul(try ConsulServer()) { client in
            let session = try await client.createSession(
                SessionRequest(name: "one", timeToLive: .seconds(10), lockDelay: .zero))
            let done = try await client.transaction([
                .lock(key: "leader", value: [1], session: session),
                .compareAndSet(key: "epoch", value: [2], index: 0), .checkNotExists(key: "none"),
            ])
            guard case .committed(let results) = done else {
                Issue.record("\(done)")
                return
            }
            let epoch = try #require(results.first { $0.key == "epoch" })
            let refused = try await client.transaction([
                .checkSession(key: "leader", session: session), .checkIndex(key: "epoch", index: epoch.modifyIndex + 1),
                .set(key: "current", value: [3]),
            ])
            guard case .rolledBack(let failures) = refused else {
                Issue.record("\(refused)")
                return
            }
            #expect(failures.map(\.operation) == [1])
            #expect(try await client.keyValue("current").value == nil)
        }
    }

    @Test func `a long poll on a key wakes with its new value`() async throws {
        try await withConsul(try ConsulServer()) { client in
            _ = try await client.putKey("k", [1])
            let index = try #require(try await client.keyValue("k").response.index)
            async let woken = client.keyValue("k", blocking: ConsulBlocking(index: index, wait: .seconds(30)))
            _ = try await client.putKey("k", [2])
            #expect(try await woken.value?.value == [2])
        }
    }

    @Test func `the agent says who it is`() async throws {
        try await withConsul(try ConsulServer()) { client in
            let agent = try await client.agent()
            #expect(agent.node == "node-1")
            #expect(agent.isServer)
        }
    }

    @Test func `services and their checks are listed`() async throws {
        try await withConsul(try ConsulServer()) { client in
            let body = #"{"Name":"web","ID":"w1","Port":80,"Tags":["a"],"Check":{"TTL":"10m"}}"#
            _ = try await client.put("/agent/service/register", body: Array(body.utf8))
            #expect(try await client.catalogServices().value["web"] == ["a"])
            let entry = try #require(try await client.healthService("web").value.first)
            #expect(entry.service.port == 80)
            #expect(entry.checks.first { $0.serviceID == "w1" }?.status == "critical")
            let critical = try await client.healthStates(filter: #"Status != "passing""#).value
            #expect(critical.map(\.serviceName) == ["web"])
        }
    }

    @Test func `an unknown token is a matter of permission`() async throws {
        let server = try ConsulServer(accessLists: true)
        try await withConsul(server, token: ConsulServer.masterToken) { client in
            _ = try await client.agent()
            let file = try #require(client.settings.tokenFile)
            try server.directory.write("99999999-2222-3333-4444-555555555555", to: "token")
            let error = try await failure { try await client.keyValue("k") }
            #expect(error.kind == .permission, "\(error) \(file)")
        }
    }
}
