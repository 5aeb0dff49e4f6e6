// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Discovery
import Model
import Synchronization
import TestSupport
import Testing

/// Whatever a server does, the last good answer stays, and following goes on when it is well again.
@Suite struct TroubleTests {
    enum Fault: String, Sendable, CaseIterable {
        case none, rateLimited, halfOpen, garbage, cutOff, noLeader, forbidden, filtered, emptied

        var kind: CatalogTrouble.Kind? {
            switch self {
            case .none: nil
            case .rateLimited: .rateLimited
            case .halfOpen: .timedOut
            case .garbage: .garbage
            case .cutOff: .unreachable
            case .noLeader: .noLeader
            case .forbidden: .permission
            case .filtered: .filtered
            case .emptied: .emptied
            }
        }

        func reply(_ good: String) -> ScriptedHTTPServer.Reply {
            switch self {
            case .none: .late(.milliseconds(20), body: good, headers: ["X-Consul-Index": "5"])
            case .rateLimited: .answer(status: 429, headers: ["Retry-After": "0"], body: "slow down")
            case .halfOpen: .silence
            case .garbage: .answer(body: "[{\"Node\":")
            case .cutOff: .close
            case .noLeader: .answer(status: 500, headers: ["X-Consul-Knownleader": "false"], body: "No cluster leader")
            case .forbidden: .answer(status: 403, body: "ACL not found")
            case .filtered:
                .late(
                    .milliseconds(20), body: "[]",
                    headers: ["X-Consul-Index": "6", "X-Consul-Results-Filtered-By-ACLs": "true"])
            case .emptied: .late(.milliseconds(20), body: "[]", headers: ["X-Consul-Index": "6"])
            }
        }
    }

    private static let good =
        #"[{"Node":{"Node":"n","Address":"10.0.0.1"},"Service":{"ID":"a","Service":"web"},"Checks":null}]"#

    @Test(arguments: Fault.allCases.filter { $0 != .none })
    func `the last good answer stays, and is read again without restart`(fault: Fault) async throws {
        let now = Phase(.none)
        let server = try ScriptedHTTPServer { _ in now.fault.reply(Self.good) }
        defer { server.stop() }
        try await withCatalog(of: ["web"], port: server.port) { running in
            try await running.await("web", "a active")
            now.change(to: fault)
            try await running.await("web", trouble: fault.kind)
            let service = try #require(running.service("web"))
            #expect(running.states("web") == "a active")
            now.change(to: .none)
            try await running.await("web", trouble: nil)
            let asOf = try #require(running.service("web")?.asOf)
            #expect(try asOf > #require(service.asOf))
        }
    }

    @Test func `an index that goes back asks for the whole and changes nothing`() async throws {
        let server = try ScriptedHTTPServer { request in
            let index = request.number == 1 ? "50" : "3"
            return .late(.milliseconds(10), body: Self.good, headers: ["X-Consul-Index": index])
        }
        defer { server.stop() }
        try await withCatalog(of: ["web"], port: server.port) { running in
            try await awaited("four questions") { server.requests.count >= 4 }
            let targets = server.requests.prefix(4).map { $0.target.contains("index=") ? "poll" : "whole" }
            #expect(targets == ["whole", "poll", "whole", "poll"])
            #expect(running.service("web")?.trouble == nil)
        }
    }

    @Test func `a slow answer is an answer`() async throws {
        let server = try ScriptedHTTPServer { _ in
            .late(.milliseconds(300), body: Self.good, headers: ["X-Consul-Index": "5"])
        }
        defer { server.stop() }
        try await withCatalog(of: ["web"], port: server.port) { try await $0.await("web", "a active") }
    }

    @Test func `a service that nobody registered does not make the catalog ask all the time`() async throws {
        let server = try ScriptedHTTPServer { .answer(headers: ["X-Consul-Index": "\($0.number)"], body: "[]") }
        defer { server.stop() }
        var patient = quick
        patient.watch.pacing = Pacing(first: .seconds(30), news: .seconds(30), nothing: .seconds(30))
        try await withCatalog(of: ["web"], port: server.port, settings: patient) { running in
            try await awaited("the burst") { server.requests.count >= 3 }
            try await running.await("web", trouble: nil)
            #expect(server.requests.count == 3)
        }
    }

    private final class Phase: Sendable {
        private let value: Mutex<Fault>
        init(_ fault: Fault) { value = Mutex(fault) }
        var fault: Fault { value.withLock { $0 } }
        func change(to fault: Fault) { value.withLock { $0 = fault } }
    }
}
