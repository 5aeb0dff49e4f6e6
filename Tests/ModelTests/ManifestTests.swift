// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@Suite struct ManifestTests {
    static let digest = String(repeating: "0123456789abcdef", count: 4)

    func fault(in text: String, _ read: ([UInt8]) throws(CanonicalError) -> Void) -> String? {
        do throws(CanonicalError) {
            try read(Array(text.utf8))
            return nil
        } catch {
            return error.description
        }
    }

    @Test func `a service's blob reads back as the same service and the same bytes`() throws {
        let service = try CanonicalTests.service()
        let read = try PlacedService(canonical: service.canonicalBytes)
        #expect(read == service)
        #expect(read.canonicalBytes == service.canonicalBytes)
    }

    @Test func `a blob is what it was when schema 1 was set down`() throws {
        var fleet = Fleet(entries: [try desired("10.0.0.1:443/tcp -> a:8443 @10.1.0.1 w2, b @10.1.0.2")])
        fleet.entries[0].service.health = HealthCheck(probe: .tcp(port: nil))
        try fleet.step(at: 0)
        fleet.entries[0].backends.removeLast()
        try fleet.step(at: 1000)
        let expected = """
            {"backends":[{"address":"10.1.0.1","id":1,"name":"a","port":8443,"state":"active","weight":2},\
            {"address":"10.1.0.2","draining-since":1000,"id":2,"name":"b","port":443,"state":"draining","weight":1}],\
            "id":1,"service":{"allow":[],"brake":{"max-removed":50,"min-active":1},"deny":[],"drain-ms":600000,\
            "flow-idle-ms":3600000,"forward":"ipip","hash":"5tuple","health":{"fall":3,"interval-ms":2000,"rise":2,\
            "tcp":{},"through-tunnel":false,"timeout-ms":1000},"name":"web","on-down":"keep","table-size":4099,\
            "udp":"tracked","udp-idle-ms":60000,"vip":"10.0.0.1:443/tcp"},\
            "settled":[{"id":1,"name":"a","weight":2},{"id":2,"name":"b","weight":1}],"table":0}
            """
        #expect(String(decoding: try fleet.service().canonicalBytes, as: UTF8.self) == expected)
    }

    @Test(arguments: [
        ("\"id\":1,\"service\"", "\"id\":0,\"service\"", "id: 0 is not within 1 and 512"),
        ("\"id\":1,\"service\"", "\"id\":1,\"x\":1,\"service\"", "unknown key 'x'"),
        ("\"table\":0", "\"table\":8190", "table: 4099 slots from granule 8190 on do not fit"),
        ("\"table\":0", "\"table\":true", "table: expected an integer"),
        (",\"weight\":7", "", "backends[0]: 'weight' is missing"), ("10.1.0.1", "10.1.0.01", "no address"),
        (",\"weight\":7", ",\"weight\":1000001", "backends[0].weight: 1000001 is not within 0 and 1000000"),
        ("2001:db8::/32", "2001:DB8::/32", "service.allow[1]: '2001:DB8::/32' is no prefix"),
        ("\"flow-idle-ms\":3600000", "\"flow-idle-ms\":0", "service: flow-idle 0.0 seconds is not within"),
        ("10.1.0.2", "127.0.0.1", "backends[1]: address 127.0.0.1 is a loopback address"),
        ("\"active\"", "\"asleep\"", "backends[0].state: 'asleep' is none of active, draining"),
        ("\"active\"", "\"draining\"", "'draining-since' belongs to a draining backend"),
        ("\"table-size\":4099", "\"table-size\":4100", "service.table-size: 4100 is no size of a table"),
        ("\"ipip\"", "7", "service.forward: expected a string"),
        ("\"name\":\"b\"", "\"name\":\"A\"", "backends[1]: out of order"),
        ("\"id\":2,", "\"id\":1,", "two have one id"), ("{\"backends\"", "[{\"backends\"", "expected ',' or ']'"),
    ])
    func `a blob that is damaged is refused with the place`(part: String, damage: String, message: String) throws {
        var fleet = Fleet(entries: [try desired("10.0.0.1:443/tcp -> a @10.1.0.1, b @10.1.0.2")])
        try fleet.step(at: 0)
        var service = try fleet.service()
        service.service.allow = try [#require(IPPrefix("10.0.0.0/8")), #require(IPPrefix("2001:db8::/32"))]
        service.backends[0].backend.weight = 7
        let text = String(decoding: service.canonicalBytes, as: UTF8.self)
        // Swaps the first place alone.
        let pieces = text.split(separator: part, maxSplits: 1, omittingEmptySubsequences: false)
        try #require(pieces.count == 2, "\(part) is not in \(text)")
        let damaged = pieces.joined(separator: damage)
        let fault = fault(in: damaged) { bytes throws(CanonicalError) in _ = try PlacedService(canonical: bytes) }
        #expect(fault?.contains(message) == true, "\(fault ?? "read")")
    }

    @Test func `a manifest reads back as the same manifest and the same bytes`() throws {
        let service = try CanonicalTests.service()
        let generation = Generation(
            epoch: 3, number: 7, predecessor: Self.digest, seed: .max, nextBackendID: 9, services: [service])
        let bytes = generation.manifestBytes(digests: [service.service.name: Self.digest])
        let manifest = try Generation.Manifest(bytes)
        #expect(manifest.bytes == bytes)
        #expect(manifest.services == [.init(name: service.service.name, digest: Self.digest)])
        #expect(try Generation(manifest, services: [service]) == generation)
    }

    @Test func `a manifest is what it was when schema 1 was set down`() {
        let bytes = Generation(epoch: 1, number: 1, seed: 0xab).manifestBytes(digests: [:])
        let expected = """
            {"epoch":1,"flow-hash":3,"next-backend-id":1,"number":1,"schema":1,"seed":"00000000000000ab",\
            "services":[],"table-hash":1}
            """
        #expect(String(decoding: bytes, as: UTF8.self) == expected)
    }

    @Test(arguments: [
        ("\"schema\":1", "\"schema\":5,\"more\":1", "schema: this version knows schema 1 to 4"),
        ("\"flow-hash\":3,", "", "flow-hash: this version knows flow-hash 3 alone"),
        ("\"table-hash\":1", "\"table-hash\":3", "table-hash: this version knows table-hash 1 alone"),
        ("\"epoch\":1", "\"epoch\":-1", "epoch: -1 is not within"), ("00ab\"", "00AB\"", "seed: expected sixteen"),
        ("\"number\":1", "\"numbers\":1", "unknown key 'numbers'"),
        ("[]", "[{\"digest\":\"\",\"name\":\"web\"}]", "services[0].digest: expected 64"),
    ])
    func `a manifest that is damaged, or of another version, is refused`(part: String, damage: String, message: String)
    {
        let text = String(
            decoding: Generation(epoch: 1, number: 1, seed: 0xab).manifestBytes(digests: [:]), as: UTF8.self)
        let damaged = text.split(separator: part, maxSplits: 1, omittingEmptySubsequences: false).joined(
            separator: damage)
        let fault = fault(in: damaged) { bytes throws(CanonicalError) in _ = try Generation.Manifest(bytes) }
        #expect(fault?.contains(message) == true, "\(fault ?? "read")")
    }

    @Test func `services that are not the manifest's, or that share a place, make no generation`() throws {
        var fleet = Fleet(entries: [
            try desired("10.0.0.1:443/tcp -> a", name: "api"), try desired("10.0.0.2:443/tcp -> a", name: "web"),
        ])
        try fleet.step(at: 0)
        let generation = try #require(fleet.generation)
        let manifest = generation.manifest(digests: ["api": Self.digest, "web": Self.digest])
        func refusal(_ services: [PlacedService]) -> String? {
            do throws(CanonicalError) {
                _ = try Generation(manifest, services: services)
                return nil
            } catch {
                return error.description
            }
        }
        var services = generation.services
        #expect(refusal(services) == nil)
        #expect(refusal(services.reversed()) == "services[0]: service api is missing")
        #expect(refusal([services[0]]) == "services[1]: service web is missing")
        #expect(refusal(services + services) == "services[2]: not in the manifest")
        services[1].table = 4
        #expect(refusal(services) == "services: two tables overlap")
        services[1].backends[0].id = services[0].backends[0].id
        #expect(refusal(services) == "services[1]: backend id 1 is there twice")
        services[1].service.vip = services[0].service.vip
        #expect(refusal(services) == "services[1]: another service has its VIP")
        services[1].id = services[0].id
        #expect(refusal(services) == "services[1]: another service has its id")
    }
}

/// What a newer format holds beside the older.
struct RoutesTests {
    private func generation(_ routes: [CatalogRoute]) throws -> Generation {
        let entry = try desired("10.0.0.1:80/tcp -> a")
        let next = try Generation.next(
            desired: DesiredState(entries: [entry]), previous: nil, epoch: 1, seed: 1, now: 0, routes: ["web": routes])
        return try #require(next)
    }

    @Test func `routes are read as they were written, and need schema 2`() throws {
        let route = CatalogRoute(
            host: "example.org", path: "/api/", port: nil, options: ["strip": "/api"], instances: ["n/1", "n/2"])
        let generation = try generation([route, CatalogRoute(host: "", path: "", port: 5000)])
        let service = generation.services[0]
        #expect(try PlacedService(canonical: service.canonicalBytes) == service)
        #expect(generation.schema == 2)
        #expect(try Generation.Manifest(generation.manifestBytes(digests: ["web": digest])).schema == 2)
    }

    @Test func `without routes a generation is of schema 1, as older hosts read it`() throws {
        let generation = try generation([])
        #expect(try Generation.Manifest(generation.manifestBytes(digests: ["web": digest])).schema == 1)
    }

    @Test func `a service of sockets is read as it was written, and needs schema 3`() throws {
        var entry = try desired("10.0.0.1:80/tcp -> a")
        entry.service.forwarding = .sockets
        entry.service.relay = RelaySettings(proxyProtocol: .v2, idleTimeout: .seconds(60), maxConnections: 9)
        let next = try Generation.next(
            desired: DesiredState(entries: [entry]), previous: nil, epoch: 1, seed: 1, now: 0)
        let generation = try #require(next)
        let service = generation.services[0]
        #expect(try PlacedService(canonical: service.canonicalBytes) == service)
        #expect(generation.schema == 3)
    }

    private let digest = String(repeating: "0", count: 64)
}
