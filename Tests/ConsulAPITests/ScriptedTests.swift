// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import TestSupport
import Testing

/// What servers say that go wrong.
@Suite struct ScriptedTests {
    @Test func `429 says how long to leave the server alone`() async throws {
        let error = try await withScript { _ in
            .answer(status: 429, headers: ["Retry-After": "7"], body: "slow down")
        } _: { client, _ in
            try await failure { try await client.healthService("web") }
        }
        #expect(error.kind == .rateLimited)
        #expect(error.retryAfter == .seconds(7))
    }

    @Test func `a half-open connection ends with the deadline`() async throws {
        let error = try await withScript(timeout: .milliseconds(200)) { _ in
            .silence
        } _: { client, _ in
            try await failure { try await client.healthService("web") }
        }
        #expect(error.kind == .timedOut)
    }

    @Test func `a long poll waits a sixteenth and the slack longer than it asked for`() async throws {
        let error = try await withScript(slack: .milliseconds(100)) { _ in
            .silence
        } _: { client, _ in
            try await failure {
                try await client.healthService(
                    "web", blocking: ConsulBlocking(index: 1, wait: .milliseconds(160)))
            }
        }
        #expect(error.cause == "no answer within 0.27 s")
    }

    @Test func `a body that stops coming ends with the deadline`() async throws {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n["
        let error = try await withScript(timeout: .milliseconds(200)) { _ in
            .late(.seconds(20), body: head)
        } _: { client, _ in
            try await failure { try await client.healthService("web") }
        }
        #expect(error.kind == .timedOut)
    }

    @Test func `garbage is told from an empty list`() async throws {
        let error = try await withScript { _ in
            .answer(body: "<html>login</html>")
        } _: { client, _ in
            try await failure { try await client.healthService("web") }
        }
        #expect(error.kind == .garbage)
    }

    @Test func `what is no HTTP is an error in words`() async throws {
        let error = try await withScript { _ in
            .raw("SSH-2.0-OpenSSH_9.2\r\n\r\n")
        } _: { client, _ in
            try await failure { try await client.healthService("web") }
        }
        #expect([.garbage, .unreachable].contains(error.kind), "\(error)")
    }

    @Test func `a closed connection may have carried a write out`() async throws {
        let error = try await withScript { _ in
            .close
        } _: { client, _ in
            try await failure { try await client.putKey("k", []) }
        }
        #expect(error.kind == .unreachable)
        #expect(error.mayHaveHappened)
    }

    @Test func `500 without leader is no refusal`() async throws {
        let error = try await withScript { _ in
            .answer(status: 500, headers: ["X-Consul-Knownleader": "false"], body: "No cluster leader")
        } _: { client, _ in
            try await failure { try await client.healthService("web") }
        }
        #expect(error.kind == .noLeader)
    }

    @Test func `403 is a matter of permission`() async throws {
        let error = try await withScript { _ in
            .answer(status: 403, body: "ACL not found")
        } _: { client, _ in
            try await failure { try await client.healthService("web") }
        }
        #expect(error.kind == .permission)
        #expect(error.cause == "answered 403: ACL not found")
    }

    @Test func `the head's statements are read`() async throws {
        let headers = [
            "X-Consul-Index": "42", "X-Consul-Knownleader": "true", "X-Consul-Lastcontact": "250",
            "X-Consul-Results-Filtered-By-ACLs": "true",
        ]
        let response = try await withScript { _ in
            .answer(headers: headers, body: "[]")
        } _: { client, _ in
            try await client.healthService("web", consistency: .stale(maximumAge: .seconds(1)))
        }
        .response
        #expect(response.index == 42)
        #expect(response.knownLeader == true)
        #expect(response.lastContact == .milliseconds(250))
        #expect(response.filteredByACLs == true)
    }

    @Test func `a stale answer that is too old is asked for again from the leader`() async throws {
        let targets = try await withScript { request in
            .answer(headers: ["X-Consul-Lastcontact": request.target.contains("stale") ? "9000" : "0"], body: "[]")
        } _: { client, server in
            _ = try await client.healthService("web", consistency: .stale(maximumAge: .seconds(5)))
            return server.requests.map(\.target)
        }
        #expect(targets == ["/v1/health/service/web?stale", "/v1/health/service/web"])
    }

    @Test func `names and filters are encoded`() async throws {
        let target = try await withScript { _ in
            .answer(body: "[]")
        } _: { client, server in
            _ = try await client.healthService("a/b c", filter: #"Service.Meta.tier == "edge""#)
            return server.requests[0].target
        }
        #expect(target == "/v1/health/service/a%2Fb%20c?filter=Service.Meta.tier%20%3D%3D%20%22edge%22")
    }

    @Test func `a reading goes to the next address when the first is dead`() async throws {
        let server = try ScriptedHTTPServer { _ in .answer(body: "[]") }
        defer { server.stop() }
        let dead = try ServerProcess.freePorts(1)[0]
        let addresses = [dead, server.port].map { ConsulAddress.http(host: "127.0.0.1", port: Int($0)) }
        let answer = try await withClient(ConsulSettings(addresses: addresses)) { try await $0.healthService("web") }
        #expect(answer.value.isEmpty)
    }

    @Test func `datacenter and namespace go with every request`() async throws {
        let server = try ScriptedHTTPServer { _ in .answer(body: "true") }
        defer { server.stop() }
        let settings = ConsulSettings(
            addresses: [.http(host: "127.0.0.1", port: Int(server.port))], datacenter: "ams", namespace: "edge")
        try await withClient(settings) { _ = try await $0.putKey("a/b", [65]) }
        #expect(server.requests.map(\.target) == ["/v1/kv/a/b?dc=ams&ns=edge"])
    }

    @Test func `no more long polls are open than allowed`() async throws {
        let server = try ScriptedHTTPServer { _ in .late(.milliseconds(50), body: "[]") }
        defer { server.stop() }
        let address = ConsulAddress.http(host: "127.0.0.1", port: Int(server.port))
        try await withClient(ConsulSettings(addresses: [address], maximumPolls: 1)) { client in
            let begin = ContinuousClock.now
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        _ = try await client.healthService(
                            "web", blocking: ConsulBlocking(index: 1, wait: .seconds(1)))
                    }
                }
                try await group.waitForAll()
            }
            #expect(ContinuousClock.now - begin >= .milliseconds(200))
        }
    }

    @Test func `a cancelled poll lets the next one in`() async throws {
        let server = try ScriptedHTTPServer { $0.number == 1 ? .silence : .answer(body: "[]") }
        defer { server.stop() }
        let address = ConsulAddress.http(host: "127.0.0.1", port: Int(server.port))
        try await withClient(ConsulSettings(addresses: [address], maximumPolls: 1)) { client in
            let blocking = ConsulBlocking(index: 1, wait: .seconds(60))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { _ = try await client.healthService("web", blocking: blocking) }
                try await awaited("the first request") { !server.requests.isEmpty }
                group.cancelAll()
                await #expect(throws: CancellationError.self) { try await group.next() }
            }
            #expect(try await client.healthService("web", blocking: blocking).value.isEmpty)
        }
    }
}
