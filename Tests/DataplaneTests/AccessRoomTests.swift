// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model
import Testing

@testable import Dataplane

/// Allow and deny lists in a map that takes few entries.
@Suite struct AccessRoomTests {
    private static let web = "web 10.9.9.9:80/tcp -> a, b"
    private static let dns = "dns 10.9.9.9:53/udp -> d"

    private static func prefixes(_ network: Int, _ count: Int, length: Int = 24) throws -> [IPPrefix] {
        try (0..<count).map { try #require(IPPrefix("10.\(network).\($0).0/\(length)")) }
    }

    private static func clients(_ texts: String...) throws -> [IPAddress] {
        try texts.map { try #require(IPAddress($0)) }
    }

    /// Maps with room for eight prefixes, in which a generation is in force.
    private static func maps(_ image: MapImage) throws -> MemoryMaps {
        let maps = MemoryMaps()
        maps.accessLimit = 8
        try maps.apply(image)
        return maps
    }

    /// What the lists say to a client, as the program asks them.
    private static func isAllowed(_ client: IPAddress, _ service: ServiceImage, _ maps: MemoryMaps) -> Bool {
        let best = maps.access.filter { $0.service.rawValue == service.id && $0.prefix.contains(client) }
            .max { $0.prefix.length < $1.prefix.length }
        return best?.allows ?? (maps.memory.services[Int(service.id)].access_default == ACCESS_ALLOW.rawValue)
    }

    @Test func `a list of which only one of old and new has room is replaced`() throws {
        var fleet = Fleet()
        let first = try Self.prefixes(1, 6)
        fleet.adjust = { $0.allow = first }
        let before = try Host.image(try fleet.next([Self.web]))
        let second = try Self.prefixes(2, 6)
        fleet.adjust = { $0.allow = second }
        let after = try Host.image(try fleet.next([Self.web]))
        for cut in 0... {
            let maps = try Self.maps(before)
            let count = try maps.apply(after, steps: cut) { _ in #expect(maps.access.count <= 8) }
            try maps.apply(after)
            #expect(maps.differences(from: after) == [], "cut after \(cut)")
            if cut > count { break }
        }
    }

    @Test func `clients that both lists allow by the same prefix are allowed all the time`() throws {
        var fleet = Fleet()
        let both = try Self.prefixes(3, 2)
        let first = try Self.prefixes(1, 6)
        fleet.adjust = { $0.allow = both + first }
        let before = try Host.image(try fleet.next([Self.web]))
        let second = try Self.prefixes(2, 6)
        fleet.adjust = { $0.allow = both + second }
        let after = try Host.image(try fleet.next([Self.web]))
        let maps = try Self.maps(before)
        let clients = try Self.clients("10.3.0.1", "10.3.1.1")
        let stranger = try #require(IPAddress("192.0.2.1"))
        try maps.apply(after) { step in
            for client in clients {
                #expect(Self.isAllowed(client, after.services[0], maps), "\(client) after \(step.name)")
            }
            #expect(!Self.isAllowed(stranger, after.services[0], maps))
        }
    }

    @Test(arguments: [2, 3, 8])
    func `clients that both lists allow by prefixes that overlap are allowed all the time`(free: Int) throws {
        var fleet = Fleet()
        let first = try Self.prefixes(0, 8) + Self.prefixes(5, 4)
        fleet.adjust = { $0.allow = first }
        let before = try Host.image(try fleet.next([Self.web]))
        let covering = try #require(IPPrefix("10.5.0.0/16"))
        let second = try Self.prefixes(0, 8, length: 25) + Self.prefixes(9, 2)
        fleet.adjust = { $0.allow = [covering] + second }
        let after = try Host.image(try fleet.next([Self.web]))
        let maps = MemoryMaps()
        maps.accessLimit = 12 + free
        try maps.apply(before)
        let clients = try Self.clients("10.0.0.1", "10.0.3.1", "10.0.7.1", "10.5.0.1", "10.5.3.1")
        try maps.apply(after) { step in
            for client in clients {
                #expect(Self.isAllowed(client, after.services[0], maps), "\(client) after \(step.name)")
            }
            #expect(maps.access.count <= maps.accessLimit)
        }
        #expect(maps.differences(from: after) == [])
    }

    @Test func `what comes is inserted from the longest prefix on, so that no shorter one answers for it`() throws {
        func entry(_ prefix: String, _ allows: Bool) throws -> AccessEntry {
            AccessEntry(service: ServiceID(rawValue: 1), prefix: try #require(IPPrefix(prefix)), allows: allows)
        }
        let old = [try entry("10.1.0.0/16", true), try entry("10.2.0.0/16", true)]
        let new = [try entry("10.0.0.0/8", true), try entry("10.3.0.0/16", false), try entry("10.3.3.0/24", true)]
        let exchange = AccessExchange(from: old, to: new, free: 1)
        #expect(exchange.rounds.flatMap(\.added) == new.reversed())
    }

    @Test func `a deny list that an allow list replaces without room lets no denied client in`() throws {
        var fleet = Fleet()
        let first = try Self.prefixes(1, 6)
        fleet.adjust = { $0.deny = first }
        let before = try Host.image(try fleet.next([Self.web]))
        let second = try Self.prefixes(2, 6)
        fleet.adjust = { $0.allow = second }
        let after = try Host.image(try fleet.next([Self.web]))
        let maps = try Self.maps(before)
        let denied = try #require(IPAddress("10.1.0.1"))
        try maps.apply(after) { step in
            #expect(!Self.isAllowed(denied, after.services[0], maps), "after \(step.name)")
        }
        #expect(maps.differences(from: after) == [])
    }

    @Test func `the list of a service that goes makes room for another's`() throws {
        var fleet = Fleet()
        let first = try Self.prefixes(1, 6)
        fleet.adjust = { if $0.name == "web" { $0.allow = first } }
        let before = try Host.image(try fleet.next([Self.web, Self.dns]))
        let second = try Self.prefixes(2, 6)
        fleet.adjust = { $0.allow = second }
        let after = try Host.image(try fleet.next([Self.dns]))
        let maps = try Self.maps(before)
        let web = before.services.first { $0.name == "web" }
        try maps.apply(after) { step in
            // As long as it is in force, its list is.
            guard let web, ReadingSide(memory: maps.memory).entry(of: web.placed.service.vip) != nil else { return }
            #expect(maps.access.count { $0.service.rawValue == web.id } == 6, "after \(step.name)")
        }
        #expect(maps.differences(from: after) == [])
    }

    @Test func `prefixes that overlap what comes go last, and few at a time`() throws {
        func entries(_ prefixes: [IPPrefix]) -> [AccessEntry] {
            prefixes.map { AccessEntry(service: ServiceID(rawValue: 1), prefix: $0, allows: true) }
        }
        let old = entries(try Self.prefixes(1, 3) + Self.prefixes(2, 3))
        let new = entries(try Self.prefixes(2, 5, length: 25))
        let exchange = AccessExchange(from: old, to: new, free: 1)
        #expect(exchange.rounds.map { $0.removed.count } == [3, 1, 0])
        #expect(exchange.rounds.first?.removed.allSatisfy { $0.prefix.description.hasPrefix("10.1.") } == true)
        #expect(exchange.rounds.flatMap(\.added).sorted() == new.sorted())
    }

    @Test func `a lost bit of the filter and a lost prefix are differences, and the next plan mends them`() throws {
        var fleet = Fleet()
        let denied = try Self.prefixes(1, 3)
        fleet.adjust = { $0.deny = denied }
        let image = try Host.image(try fleet.next([Self.web]))
        let maps = try Self.maps(image)
        maps.memory.filter.update(repeating: 0, count: Int(ACCESS_FILTER_WORDS))
        maps.memory.filter[7] = 1 << 3
        maps.access = [try #require(image.access.first).inverted]
        #expect(
            maps.differences(from: image) == [
                "web: prefixes of its allow and deny lists: 2 not there (deny 10.1.1.0/24, …); "
                    + "1 answered the other way (deny 10.1.0.0/24)",
                "access filter: 1 bits are not set: clients there pass by the lists; "
                    + "1 bits are set for nobody: clients there cost a lookup",
            ])
        try maps.apply(image)
        #expect(maps.differences(from: image) == [])
    }
}
