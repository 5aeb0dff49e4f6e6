// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Discovery
import Glibc
import Model
import TestSupport
import Testing

/// Against Consul itself, with a poll a service and with two for all.
@Suite(.requires("consul")) struct RealConsulTests {
    enum Way: String, Sendable, CaseIterable {
        case polls, wakes

        var settings: ConsulCatalog.Settings { self == .polls ? quick : fleet }
    }

    @Test(arguments: Way.allCases)
    func `registrations come and go`(way: Way) async throws {
        try await withRealCatalog(way) { running, _ in
            try await running.register("web", "a")
            try await running.await("web", "a active")
            try await running.register("web", "b")
            try await running.await("web", "a active, b active")
            try await running.deregister("a")
            try await running.await("web", "b active")
        }
    }

    @Test(arguments: Way.allCases)
    func `a check that fails takes its instance out until it recovers`(way: Way) async throws {
        try await withRealCatalog(way) { running, _ in
            try await running.register("web", "a", check: true)
            try await running.await("web", "a out")
            try await running.check("a", "pass")
            try await running.await("web", "a active")
            try await running.check("a", "fail")
            try await running.await("web", "a out")
        }
    }

    @Test(arguments: Way.allCases)
    func `maintenance drains`(way: Way) async throws {
        try await withRealCatalog(way) { running, _ in
            try await running.register("web", "a")
            try await running.await("web", "a active")
            try await running.put("/agent/service/maintenance/a?enable=true")
            try await running.await("web", "a draining")
            try await running.put("/agent/service/maintenance/a?enable=false")
            try await running.await("web", "a active")
        }
    }

    @Test(arguments: Way.allCases)
    func `an agent that comes back empty empties nothing`(way: Way) async throws {
        try await withRealCatalog(way) { running, server in
            try await running.register("web", "a")
            try await running.register("api", "x")
            try await running.await("web", "a active")
            try await running.await("api", "x active")
            try server.restart()
            try await running.await("web", trouble: .emptied)
            #expect(running.states("web") == "a active")
            try await running.register("web", "b")
            try await running.await("web", "b active")
        }
    }

    @Test(arguments: Way.allCases)
    func `a stopped agent is noticed, and read again when it goes on`(way: Way) async throws {
        try await withRealCatalog(way) { running, server in
            try await running.register("web", "a")
            try await running.await("web", "a active")
            server.pause()
            try await running.await("web", trouble: .timedOut)
            server.goOn()
            try await running.await("web", trouble: nil)
            #expect(running.states("web") == "a active")
        }
    }

    @Test(arguments: Way.allCases)
    func `services are found by the tags that ask for routes`(way: Way) async throws {
        let server = try ConsulServer()
        var settings = way.settings
        settings.followsTags = true
        try await withCatalog(of: ["web"], port: server.port, settings: settings) { running in
            try await running.register("web", "a")
            try await running.register("shop", "b", tags: ["urlprefix-shop.example/"])
            try await running.register("hidden", "c", tags: ["v1"])
            try await running.await("shop", "b active")
            #expect(running.service("shop")?.reading?.routes.map(\.host) == ["shop.example"])
            #expect(running.service("hidden") == nil)
            #expect(running.service("web") != nil)
        }
    }

    @Test func `while nobody asks for a service nothing is read, tags neither`() async throws {
        let server = try ConsulServer()
        var settings = Way.polls.settings
        settings.followsTags = true
        try await withCatalog(of: [], port: server.port, settings: settings) { running in
            try await running.register("web", "a")
            try await running.register("shop", "b", tags: ["urlprefix-shop.example/"])
            #expect(running.catalog.cost.requests == 0)
            running.catalog.watch([CatalogQuery(service: "web")])
            try await running.await("shop", "b active")
            running.catalog.watch([])
            #expect(running.service("shop") == nil)
        }
    }

    @Test func `a token that is revoked leaves the last good answer, and a new one in its file heals`() async throws {
        let server = try ConsulServer(accessLists: true)
        let master = try server.directory.write(ConsulServer.masterToken, to: "master")
        try Shell.run("chmod 600 \(master)")
        try await withRealCatalog(.polls, server: server, tokenFile: master) { running, _ in
            try await running.register("web", "a")
            try await running.await("web", "a active")
            // A token that the servers know but that may read nothing: 200 and an empty list.
            try server.directory.write(try await running.newToken(), to: "master")
            try await running.await("web", trouble: .emptied)
            // One that they do not know.
            try server.directory.write("99999999-2222-3333-4444-555555555555", to: "master")
            try await running.await("web", trouble: .permission)
            #expect(running.states("web") == "a active")
            try server.directory.write(ConsulServer.masterToken, to: "master")
            try await running.await("web", trouble: nil)
        }
    }

    /// The time from Consul's answer to a registration until the catalog with it is there; the quiet time is 20 ms.
    @Test(arguments: Way.allCases)
    func `a change to one of ten services wakes soon`(way: Way) async throws {
        let names = (0..<10).map { "s\($0)" }
        try await withRealCatalog(way, services: names) { running, _ in
            for name in names { try await running.register(name, "\(name)-first") }
            for name in names { try await running.await(name, "\(name)-first active") }
            var times: [Duration] = []
            var catalogs = running.catalog.catalogs.makeAsyncIterator()
            // Registrations that never cease are followed once a second where services have no poll of their own.
            let turns = way == .polls ? 100 : 10
            for turn in 0..<turns {
                let name = names[turn % names.count]
                try await running.register(name, "\(name)-\(turn)")
                let begin = ContinuousClock.now
                while let catalog = await catalogs.next() {
                    let instances = catalog.services[CatalogQuery(service: name)]?.reading?.instances ?? []
                    if instances.contains(where: { $0.name.hasSuffix("-\(turn)") }) { break }
                }
                times.append(ContinuousClock.now - begin)
            }
            times.sort()
            let words = [times[turns / 2], times[turns - 1]].map { "\(Int($0 / .milliseconds(1)))" }
            print(
                "ten services by \(way): median \(words[0]) ms, worst \(words[1]) ms of \(turns), of which quiet 20 ms")
            #expect(times[turns / 2] < .seconds(5))
        }
    }

    @Test func `what a change costs does not grow with the size of the catalog but by a small request a service`()
        async throws
    {
        let size = CatalogSize.wanted
        let names = (0..<size.services).map { "s\($0)" }
        var settings = fleet
        settings.watch.wait = .seconds(60)
        let server = try ConsulServer()
        try await withCatalog(of: names, port: server.port, settings: settings, timeout: .seconds(10)) { running in
            try await size.register(with: running.client)
            try await awaited("all instances", within: .seconds(120)) {
                names.allSatisfy { running.service($0)?.reading?.instances.count == size.instances }
            }
            try await running.isAtRest()
            let flip = try await running.costs("a check fails") {
                try await running.put("/catalog/register", size.instance(0, of: 0, status: "critical"))
                try await awaited("s0-0 out") { running.states("s0").contains("s0-0 out") }
            }
            let registration = try await running.costs("an instance comes") {
                try await running.put("/catalog/register", size.instance(size.instances, of: 1, status: "passing"))
                try await awaited("s1") { running.service("s1")?.reading?.instances.count == size.instances + 1 }
            }
            // An instance is some 1.3 kB of JSON, a service's name in the list of all and its index some 20 bytes.
            #expect(flip.requests <= 4 && flip.bytes <= 2_000 * (size.instances + 4))
            #expect(registration.requests <= size.services + 6)
            #expect(registration.bytes <= 2_000 * (size.instances + 4) + 100 * size.services)
            let time = Duration.seconds(CatalogSize.isChosen ? 10 : 1)
            let rest = try await size.processorTime(during: time)
            // In a whole run other tests work in this process.
            #expect(!CatalogSize.isChosen || rest < time / 20, "it is not at rest")
            print(
                "\(size.services) services of \(size.instances): CPU time in \(time) at rest \(rest), resident kB "
                    + (try Shell.run("ps -o rss= -p \(getpid())")))
        }
    }
}

extension RunningCatalog {
    func put(_ path: String, _ body: String = "") async throws {
        // The path may bring its query along.
        let parts = path.split(separator: "?", maxSplits: 1)
        let query = parts.dropFirst().flatMap { $0.split(separator: "&") }.map { pair in
            let words = pair.split(separator: "=", maxSplits: 1).map(String.init)
            return ConsulParameter(words[0], words.count > 1 ? words[1] : nil)
        }
        _ = try await client.put(String(parts[0]), query: query, body: Array(body.utf8))
    }

    func register(_ service: String, _ id: String, check: Bool = false, tags: [String] = []) async throws {
        let words = tags.map { "\"\($0)\"" }.joined(separator: ",")
        let ttl = check ? #", "Check": { "CheckID": "check-\#(id)", "TTL": "10m" }"# : ""
        // A server that has just begun knows no leader yet.
        try await awaited("registration of \(id)") {
            do {
                try await put(
                    "/agent/service/register",
                    #"{ "Name": "\#(service)", "ID": "\#(id)", "Port": 80, "Tags": [\#(words)]\#(ttl) }"#)
                return true
            } catch is ConsulError {
                return false
            }
        }
    }

    func deregister(_ id: String) async throws { try await put("/agent/service/deregister/\(id)") }

    func check(_ id: String, _ verb: String) async throws { try await put("/agent/check/\(verb)/check-\(id)") }

    /// A token without any policy.
    func newToken() async throws -> String {
        struct Token: Decodable {
            let secret: String
            private enum CodingKeys: String, CodingKey { case secret = "SecretID" }
        }
        return try await client.put("/acl/token", body: Array("{}".utf8)).decoded(as: Token.self).secret
    }
}

/// A catalog of a real Consul of its own.
func withRealCatalog<Value>(
    _ way: RealConsulTests.Way, services: [String] = ["web", "api"], server: ConsulServer? = nil,
    tokenFile: String? = nil, _ body: (RunningCatalog, ConsulServer) async throws -> Value
) async throws -> Value {
    let server = try server ?? ConsulServer()
    return try await withCatalog(of: services, port: server.port, tokenFile: tokenFile, settings: way.settings) {
        running in
        try await awaited("a leader") {
            do { return try await running.client.leader() != nil } catch is ConsulError { return false }
        }
        do {
            return try await body(running, server)
        } catch {
            throw SystemError("\(error)", cause: server.output)
        }
    }
}
