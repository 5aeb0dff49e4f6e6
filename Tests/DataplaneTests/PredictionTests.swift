// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model
import TestSupport
import Testing

@testable import Dataplane

/// What a plan says will move, against what the maps hold when the change was carried out.
@Suite struct PredictionTests {
    private static let rounds = 120

    @Test func `the slots that are predicted to move are those that the maps show moved`() throws {
        var random = SplitMix(for: "prediction")
        for round in 0..<Self.rounds {
            var story = RandomStory(&random)
            let before = try story.step(&random)
            let down = story.down(&random)
            let maps = MemoryMaps()
            try maps.apply(try image(before, down))
            maps.settle()
            let old = maps.tables(before)

            let after = try story.step(&random)
            let prediction = Prediction(from: before, to: after) { down.contains("\($0)/\($1)") }
            try maps.apply(try image(after, down))
            let new = maps.tables(after)

            let told = "round \(round), seed \(random.seed)"
            for name in Set(old.keys).union(new.keys) {
                compare(prediction, name, old[name], new[name], told)
            }
        }
    }

    private func compare(
        _ prediction: Prediction, _ name: String, _ old: [SlotWord]?, _ new: [SlotWord]?, _ told: String
    ) {
        let change = prediction.services.first { $0.name == name }
        guard let old, let new else {
            #expect(change?.kind == (old == nil ? .added : .removed), "\(name), \(told)")
            return
        }
        if case .remapped = change?.kind { return }
        let pairs = zip(old, new).filter { $0.current != $1.current }
        #expect((change?.slots?.movement.moved ?? 0) == pairs.count, "\(name), \(told)")
        #expect((change?.slots?.tracked ?? 0) == new.count { $0.isUnsettled }, "\(name), \(told)")
        #expect((change?.slots?.cut ?? 0) == pairs.count { $0.current != 0 && !$1.isUnsettled }, "\(name), \(told)")
        var balance: [BackendID: Int] = [:]
        for (from, to) in pairs {
            if from.current != 0 { balance[BackendID(rawValue: from.current), default: 0] -= 1 }
            if to.current != 0 { balance[BackendID(rawValue: to.current), default: 0] += 1 }
        }
        #expect((change?.slots?.balance ?? [:]) == balance.filter { $0.value != 0 }, "\(name), \(told)")
    }

    private func image(_ generation: Generation, _ down: Set<String>) throws -> MapImage {
        let ids = generation.services.flatMap { one in
            one.backends.filter { down.contains("\(one.service.name)/\($0.backend.name)") }.map(\.id)
        }
        return try Host.image(generation, down: Set(ids))
    }
}

/// Services that come, go and change at random.
private struct RandomStory {
    private var fleet = Fleet()
    private var services: [String: [String: Int]] = [:]

    init(_ random: inout SplitMix) {
        let rehashes = Bool.random(using: &random)
        fleet.adjust = {
            $0.onDown = rehashes ? .rehash : .keep
            $0.drain = .seconds(600)
        }
    }

    /// Each step changes a few things, or only time.
    mutating func step(_ random: inout SplitMix) throws -> Generation {
        for name in ["api", "dns", "web"] where services[name] == nil || Int.random(in: 0..<3, using: &random) == 0 {
            change(name, &random)
        }
        fleet.time += [1, 601, 100].randomElement(using: &random) ?? 1
        let lines = services.sorted { $0.key < $1.key }.map { name, backends in
            let items = backends.sorted { $0.key < $1.key }.map { "\($0.key) w\($0.value)" }
            return "\(name) 10.9.9.\(name.utf8.first ?? 1):80/tcp -> " + items.joined(separator: ", ")
        }
        return try fleet.next(lines)
    }

    private mutating func change(_ name: String, _ random: inout SplitMix) {
        var backends = services[name] ?? [:]
        switch Int.random(in: 0..<5, using: &random) {
        case 0 where backends.count > 1:
            if let gone = backends.keys.sorted().randomElement(using: &random) { backends[gone] = nil }
        case 1 where !backends.isEmpty:
            if let one = backends.keys.sorted().randomElement(using: &random) {
                backends[one] = Int.random(in: 1...9, using: &random)
            }
        case 2 where services.count > 1 && !backends.isEmpty:
            services[name] = nil
            return
        default:
            for _ in 0...Int.random(in: 0..<4, using: &random) {
                backends["b\(Int.random(in: 0..<12, using: &random))"] = Int.random(in: 1...3, using: &random)
            }
        }
        services[name] = backends
    }

    /// What the host's probes see, by `service/backend`.
    func down(_ random: inout SplitMix) -> Set<String> {
        let all = services.sorted { $0.key < $1.key }.flatMap { name, backends in
            backends.keys.sorted().map { "\(name)/\($0)" }
        }
        return Set(all.filter { _ in Int.random(in: 0..<6, using: &random) == 0 })
    }
}

extension MemoryMaps {
    /// Every slot has been idle long enough.
    fileprivate func settle() {
        for entry in memory.activeEntries() where entry.value != nil {
            let first = entry.place.lines.lowerBound * Int(SLOTS_PER_LINE)
            for (index, word) in memory.words(of: entry.place).enumerated() {
                memory.slots[first + index] = SlotWord(settled: SlotWord(rawValue: word).current).rawValue
            }
        }
    }

    /// By the service's name.
    fileprivate func tables(_ generation: Generation) -> [String: [SlotWord]] {
        var tables: [String: [SlotWord]] = [:]
        for entry in memory.activeEntries() where entry.value != nil {
            guard let name = generation.services.first(where: { $0.id.rawValue == entry.service })?.service.name else {
                continue
            }
            tables[name] = memory.words(of: entry.place).prefix(Int(entry.tableSize.rawValue))
                .map { SlotWord(rawValue: $0) }
        }
        return tables
    }
}
