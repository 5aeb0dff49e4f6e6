// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model
import TestSupport
import Testing

@Suite struct PlacementTests {
    /// A service with so many backends, without a drain time.
    func entry(_ index: Int, backends: Int = 1, size: TableSize = .small) -> DesiredState.Entry {
        let vip = VIP(address: IPAddress(v4: 0xc0a8_0000 | UInt32(index)), port: 80, transport: .tcp)
        let backends = (0..<backends).map { Backend(name: "b\($0)", address: IPAddress(v4: 0x0a00_0001), port: 80) }
        return DesiredState.Entry(
            service: VirtualService(name: "s\(index)", vip: vip, tableSize: size, drain: .zero), backends: backends)
    }

    func refusals(_ entries: [DesiredState.Entry], after previous: Generation? = nil) -> [ValidationError.Problem] {
        do throws(ValidationError) {
            _ = try Generation.next(
                desired: DesiredState(entries: entries), previous: previous, epoch: 1, seed: 1, now: 0)
            return []
        } catch {
            return error.problems
        }
    }

    @Test func `512 services of 16,381 slots fit, and no more`() throws {
        let entries = (1...513).map { entry($0, size: .medium) }
        let generation = try #require(
            try Generation.next(
                desired: DesiredState(entries: Array(entries.dropLast())), previous: nil, epoch: 1, seed: 1, now: 0))
        #expect(Set(generation.services.map(\.id.rawValue)) == Set(1...512))
        #expect(generation.services.map(\.granules.upperBound).max() == Int(GRANULES_MAX))
        #expect(
            refusals(entries).map(\.description) == [
                "513 services: a host holds 512", "8208 granules of lookup tables: a host holds 8192",
            ])
    }

    @Test func `32,767 backends fit, and no more`() throws {
        let entries = (1...33).map { entry($0, backends: $0 == 33 ? 1023 : 992) }
        let generation = try #require(
            try Generation.next(desired: DesiredState(entries: entries), previous: nil, epoch: 1, seed: 1, now: 0))
        let ids = generation.services.flatMap { $0.backends.map(\.id.rawValue) }
        #expect(ids.count == 32767 && Set(ids).count == 32767 && !ids.contains(0))
        #expect(generation.nextBackendID == 1)
        #expect(
            refusals(entries + [entry(34)]).map(\.description) == ["32768 backends: a host holds 32767"])
        // One goes and one comes: the one that goes keeps its id in this generation.
        var changed = entries
        changed[0].backends[0].name = "new"
        #expect(
            refusals(changed, after: generation).map(\.description) == [
                "service s1: backend new: no backend id is free: "
                    + "draining backends and those of the previous generation keep theirs"
            ])
    }

    @Test func `a table that finds no room is refused by name`() throws {
        let entries = (1...512).map { entry($0, size: .medium) }
        let generation = try Generation.next(
            desired: DesiredState(entries: entries), previous: nil, epoch: 1, seed: 1, now: 0)
        var changed = entries
        changed[0].service.tableSize = .small
        let problems = refusals(changed, after: generation)
        #expect(problems.map(\.code) == [.limit])
        #expect(problems.first?.subject == "service s1")
    }

    @Test func `ids come back as late as can be, and not while a generation or a settled table has them`() throws {
        var entries = [entry(1, backends: 3)]
        var generation = try #require(
            try Generation.next(desired: DesiredState(entries: entries), previous: nil, epoch: 1, seed: 1, now: 0))
        generation.nextBackendID = 32760
        var given: [UInt16] = []
        for round in 0..<12 {
            entries[0].backends[0].name = "new\(round)"
            let next = try Generation.next(
                desired: DesiredState(entries: entries), previous: generation, epoch: 1, seed: 1, now: 0)
            generation = try #require(next)
            let new = generation.services[0].backends.filter { $0.backend.name == "new\(round)" }
            given += new.map(\.id.rawValue)
        }
        // 1 is still in the settled table of the first generation, 2 and 3 in use.
        #expect(given == Array(32760...32767) + [4, 5, 6, 7])
        #expect(generation.nextBackendID == 8)
    }

    @Test func `nothing that the previous generation used stands for something else in the next`() throws {
        var random = SplitMix(for: "places")
        var generation: Generation?
        for round in 0..<150 {
            let entries = (1...40).filter { _ in Bool.random(using: &random) }.map { index in
                let size = TableSize.allCases.randomElement(using: &random) ?? .small
                var entry = entry(index, backends: Int.random(in: 1...6, using: &random), size: size)
                entry.service.drain = .seconds(Int.random(in: 0...3, using: &random))
                for backend in entry.backends.indices {
                    let address = IPAddress(v4: 0x0a00_0000 | UInt32.random(in: 1...3, using: &random))
                    entry.backends[backend].address = address
                }
                return entry
            }
            let settled = Set(entries.map(\.service.name).filter { _ in Int.random(in: 0...3, using: &random) == 0 })
            let next = try Generation.next(
                desired: DesiredState(entries: entries), previous: generation, settledServices: settled, epoch: 1,
                seed: 1, now: Int64(round), allowingEmpty: true)
            if let next {
                let problem = Self.clash(generation, next)
                #expect(problem == nil, "seed \(random.seed), round \(round)")
                generation = next
            }
        }
    }

    /// What two generations in a row, or one in itself, may not have.
    static func clash(_ old: Generation?, _ new: Generation) -> String? {
        var owners: [String: String] = [:]
        func claim(_ place: String, _ owner: String, within: inout Set<String>) -> String? {
            guard within.insert(place).inserted else { return "\(place) is there twice" }
            guard owners[place] ?? owner == owner else { return "\(place) was \(owners[place] ?? ""), is \(owner)" }
            owners[place] = owner
            return nil
        }
        for generation in [old, new].compactMap({ $0 }) {
            var claimed: Set<String> = []
            for service in generation.services {
                let name = service.service.name
                var places = [("service \(service.id.rawValue)", name)]
                places += service.granules.map { ("granule \($0)", "\(name) \(service.tableSize)") }
                places += service.backends.map {
                    ("backend \($0.id.rawValue)", "\(name) \($0.backend.name) \($0.backend.address)")
                }
                for (place, owner) in places {
                    if let problem = claim(place, owner, within: &claimed) { return problem }
                }
                // A settled table may name what is gone, but nothing that has become another.
                for member in service.settled {
                    let owner = owners["backend \(member.id.rawValue)"] ?? "\(name) \(member.name) "
                    if !owner.hasPrefix("\(name) \(member.name) ") { return "settled \(member.name) is \(owner)" }
                }
            }
        }
        return nil
    }
}

extension PlacedService {
    fileprivate var tableSize: UInt32 { service.tableSize.rawValue }
}
