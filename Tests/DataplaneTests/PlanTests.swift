// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model
import Testing

@testable import Dataplane

@Suite struct PlanTests {
    private static let web = "web 10.9.9.9:80/tcp -> a, b, c"
    private static let dns = "dns 10.9.9.9:53/udp -> d, e"

    /// From one generation to the next; each a list of services.
    private static let stories: [(name: String, steps: [[String]])] = [
        ("the first", [[web, dns]]),
        ("a backend more", [[web, dns], ["web 10.9.9.9:80/tcp -> a, b, c, f", dns]]),
        ("a weight", [[web, dns], ["web 10.9.9.9:80/tcp -> a w3, b, c", dns]]),
        ("a drain", [[web, dns], ["web 10.9.9.9:80/tcp -> a, c", dns]]),
        ("a drain's end", [[web], ["web 10.9.9.9:80/tcp -> a, c"], ["later"], ["web 10.9.9.9:80/tcp -> a, c"]]),
        ("a service more", [[web], [web, dns]]),
        ("a service less", [[web, dns], [dns]]),
        ("a service in another's place", [[web, dns], [dns], ["api 10.9.9.8:80/tcp -> a, b", dns]]),
        ("another VIP", [[web], ["web 10.9.9.10:80/tcp -> a, b, c"]]),
        ("all backends drain", [[web], ["web 10.9.9.9:80/tcp ->"], [web]]),
        ("six flaps", [[web], ["web 10.9.9.9:80/tcp -> a, b"], [web], ["web 10.9.9.9:80/tcp -> a, b"], [web]]),
    ]

    private func generations(_ steps: [[String]]) throws -> [Generation] {
        var fleet = Fleet()
        return try steps.compactMap { services in
            if services == ["later"] {
                fleet.time += 100_000
                return nil
            }
            return try fleet.next(services)
        }
    }

    @Test(
        "a plan cut after every step leaves every VIP with its backends, and a rerun repairs it",
        arguments: stories.indices)
    func cut(story: Int) throws {
        let generations = try generations(Self.stories[story].steps)
        let images = try generations.map { try Host.image($0) }
        let last = try #require(images.last)
        for cut in 0... {
            let maps = MemoryMaps()
            for image in images.dropLast() { try maps.apply(image) }
            let side = ReadingSide(memory: maps.memory)
            let count = try maps.apply(last, steps: cut) { step in
                #expect(side.faults() == [], "after \(step.name)")
            }
            try maps.apply(last, now: 1001)
            #expect(side.faults() == [])
            #expect(maps.differences(from: last) == [], "cut after \(cut)")
            #expect(try maps.apply(last, now: 1002) == 0, "a third time there is nothing to do")
            if cut > count { break }
        }
    }

    @Test func `in slots, every single store leaves a whole table`() throws {
        let generations = try generations([[Self.web], ["web 10.9.9.9:80/tcp -> a, c, f"]])
        let maps = MemoryMaps()
        try maps.apply(try Host.image(generations[0]))
        let image = try Host.image(generations[1])
        let plan = Plan.plan(from: maps.memory.observe(for: image), to: image, now: 5)
        let side = ReadingSide(memory: maps.memory)
        for step in plan.steps {
            guard case .setSlots(let change) = step else {
                try maps.memory.perform(step, grace: {})
                continue
            }
            for (index, write) in change.writes.enumerated() {
                let single = SlotChange(service: change.service, lines: change.lines, now: change.now, writes: [write])
                try maps.memory.perform(.setSlots(single), grace: {})
                if index % 100 == 0 { #expect(side.faults() == []) }
            }
        }
        #expect(side.faults() == [])
    }

    @Test func `a changed slot is unsettled and its line is stamped, all others stay`() throws {
        let generations = try generations([[Self.web], ["web 10.9.9.9:80/tcp -> a, b, c, f"]])
        let maps = MemoryMaps()
        let before = try Host.image(generations[0]).services[0]
        try maps.apply(try Host.image(generations[0]), now: 1000)
        let image = try Host.image(generations[1])
        try maps.apply(image, now: 2000)
        let after = image.services[0]
        let side = ReadingSide(memory: maps.memory)
        for slot in after.current.indices {
            let word = side.word(after.place, slot)
            let line = maps.memory.lineTimes[after.place.lines.lowerBound + slot / 16]
            if before.current[slot] == after.current[slot] {
                #expect(word == SlotWord(settled: after.current[slot]))
            } else {
                #expect(word == SlotWord(current: after.current[slot], previous: before.current[slot], unsettled: true))
                #expect(line.used == 2000 && line.changed == 2000)
            }
        }
    }

    @Test func `on another host the slots are the same, from the settled membership`() throws {
        let generations = try generations([
            [Self.web], ["web 10.9.9.9:80/tcp -> a, b, c, f"], ["web 10.9.9.9:80/tcp -> a, b, f"],
        ])
        let image = try Host.image(generations[2])
        let (old, new) = (MemoryMaps(), MemoryMaps())
        for generation in generations { try old.apply(try Host.image(generation)) }
        try new.apply(image)
        let place = image.services[0].place
        #expect(
            old.memory.words(of: place).map { $0 & SlotWord(current: 0x7fff, previous: 0, unsettled: false).rawValue }
                == new.memory.words(of: place).map {
                    $0 & SlotWord(current: 0x7fff, previous: 0, unsettled: false).rawValue
                })
        // Where the old host knows of a change it is unsettled towards the same previous backend.
        for (one, other) in zip(old.memory.words(of: place), new.memory.words(of: place)) {
            let (one, other) = (SlotWord(rawValue: one), SlotWord(rawValue: other))
            if other.isUnsettled { #expect(one == other) }
            if one.isUnsettled, !other.isUnsettled { #expect(one.previous == one.current) }
        }
    }

    @Test func `a host that lost its state adopts pins of other ids by way of two flips or three`() throws {
        var (one, other) = (Fleet(), Fleet())
        other.seed = 8
        let before = try Host.image(try one.next([Self.web, Self.dns, "api 10.9.9.8:80/tcp -> x, y, z"]))
        _ = try other.next(["dns 10.9.9.9:53/udp -> e"])
        let after = try Host.image(try other.next([Self.web, Self.dns]))
        for cut in 0... {
            let maps = MemoryMaps()
            try maps.apply(before)
            let side = ReadingSide(memory: maps.memory)
            let count = try maps.apply(after, steps: cut) { #expect(side.faults() == [], "after \($0.name)") }
            try maps.apply(after)
            #expect(side.faults() == [])
            #expect(maps.differences(from: after) == [])
            if cut > count { break }
        }
    }

    @Test func `records of a backend that is gone are freed, of one that only drains are kept`() throws {
        let generations = try generations([
            [Self.web], ["web 10.9.9.9:80/tcp -> a, c"], ["later"], ["web 10.9.9.9:80/tcp -> a, c"],
        ])
        let maps = MemoryMaps()
        try maps.apply(try Host.image(generations[0]))
        let gone = try #require(generations[0].id("web", "b")).rawValue
        let kept = try #require(generations[0].id("web", "a")).rawValue
        maps.memory.records[8] = UInt64(gone) << UInt64(RECORD_BACKEND_SHIFT) | 77
        maps.memory.records[9] = UInt64(kept) << UInt64(RECORD_BACKEND_SHIFT) | 78
        try maps.apply(try Host.image(generations[1]))
        #expect(maps.memory.records[8] != 0 && maps.memory.backends[Int(gone)].isPresent)
        try maps.apply(try Host.image(generations[2]))
        #expect(maps.memory.records[8] == 0 && !maps.memory.backends[Int(gone)].isPresent)
        #expect(maps.memory.records[9] != 0)
    }

    @Test func `with rehash a backend that is down loses flows and records, and gets its slots back when it is up`()
        throws
    {
        var fleet = Fleet()
        fleet.adjust = { $0.onDown = .rehash }
        let generation = try fleet.next([Self.web])
        let id = try #require(generation.id("web", "b"))
        let maps = MemoryMaps()
        let up = try Host.image(generation)
        try maps.apply(up)
        maps.memory.records[8] = UInt64(id.rawValue) << UInt64(RECORD_BACKEND_SHIFT) | 77
        let down = try Host.image(generation, down: [id])
        try maps.apply(down)
        #expect(maps.memory.records[8] == 0)
        #expect(
            maps.memory.words(of: down.services[0].place).allSatisfy { SlotWord(rawValue: $0).previous != id.rawValue })
        try maps.apply(up)
        #expect(maps.differences(from: up) == [])
        #expect(!maps.memory.backends[Int(id.rawValue)].has(BACKEND_RECORDS_VOID))
    }

    @Test func `with keep a backend that is down keeps its flows by the previous backend of its slots`() throws {
        var fleet = Fleet()
        let generation = try fleet.next([Self.web])
        let id = try #require(generation.id("web", "b"))
        let maps = MemoryMaps()
        let up = try Host.image(generation)
        try maps.apply(up)
        try maps.apply(try Host.image(generation, down: [id]))
        for (slot, word) in maps.memory.words(of: up.services[0].place).map(SlotWord.init(rawValue:)).enumerated()
        where up.services[0].current[slot] == id.rawValue {
            #expect(word.isUnsettled && word.previous == id.rawValue && word.current != id.rawValue)
        }
    }

    @Test func `access entries come before the flag that asks for them and go after it`() throws {
        var fleet = Fleet()
        let open = try Host.image(try fleet.next([Self.web]))
        fleet.adjust = { $0.allow = [IPPrefix("192.0.2.0/24")].compactMap { $0 } }
        let closed = try Host.image(try fleet.next([Self.web]))
        let maps = MemoryMaps()
        try maps.apply(open)
        try maps.apply(closed) { step in
            if case .flip = step { #expect(maps.access.count == 1) }
        }
        #expect(maps.memory.filter[Int(closed.access.first.map { AccessFilter.bits(of: [$0])[0] } ?? 0) / 64] != 0)
        try maps.apply(open) { step in
            if case .flip = step { #expect(maps.access.count == 1) }
        }
        #expect(maps.access.isEmpty)
        #expect((0..<Int(ACCESS_FILTER_WORDS)).allSatisfy { maps.memory.filter[$0] == 0 })
    }
}
