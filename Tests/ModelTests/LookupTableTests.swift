// SPDX-License-Identifier: Apache-2.0

import Model
import TestSupport
import Testing

@Suite struct LookupTableTests {
    /// Of a table: its first slots, and FNV-1a over all ids, low byte first.
    struct Golden: CustomTestStringConvertible {
        let members: [(String, UInt32)]
        let size: TableSize
        let first: [UInt16]
        let sum: UInt64
        var testDescription: String { "\(members.count) members, \(size.slots) slots" }
    }

    static let golden: [Golden] = [
        Golden(
            members: [("a", 1), ("b", 1), ("c", 1)], size: .small,
            first: [3, 2, 2, 3, 1, 1, 2, 2, 2, 3, 1, 1], sum: 0x9320_4481_465c_89dc),
        Golden(
            members: [("a", 1), ("b", 1), ("c", 1)], size: .medium,
            first: [1, 1, 1, 1, 3, 3, 2, 2, 3, 1, 1, 1], sum: 0xf39f_63e1_bef0_357c),
        Golden(
            members: [("a", 1), ("b", 1), ("c", 1)], size: .large,
            first: [1, 3, 3, 3, 3, 1, 1, 1, 3, 2, 2, 3], sum: 0x0598_2205_4a2c_e776),
        Golden(
            members: [("10.0.1.4:8443", 10), ("edge-7/web-1", 1), ("é", 3)], size: .small,
            first: [1, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], sum: 0x18b6_e8d0_127b_bf04),
        Golden(
            members: [("10.0.1.4:8443", 10), ("edge-7/web-1", 1), ("é", 3)], size: .medium,
            first: [1, 3, 3, 3, 1, 1, 1, 1, 2, 1, 1, 1], sum: 0x77f6_dad4_8b9e_53a4),
        Golden(
            members: [("10.0.1.4:8443", 10), ("edge-7/web-1", 1), ("é", 3)], size: .large,
            first: [3, 1, 1, 2, 3, 1, 3, 1, 1, 1, 1, 1], sum: 0xa434_51a2_9120_0c25),
        Golden(
            members: (0..<100).map { ("b\($0)", UInt32($0 % 7)) }, size: .small,
            first: [98, 75, 13, 48, 76, 28, 40, 60, 88, 80, 41, 49], sum: 0x5982_85b4_ad83_2cda),
        Golden(
            members: (0..<100).map { ("b\($0)", UInt32($0 % 7)) }, size: .medium,
            first: [32, 47, 52, 81, 21, 33, 14, 68, 83, 98, 73, 76], sum: 0xd7a9_9f1a_67bf_72dc),
        Golden(
            members: (0..<100).map { ("b\($0)", UInt32($0 % 7)) }, size: .large,
            first: [95, 45, 12, 34, 23, 13, 12, 63, 39, 84, 83, 20], sum: 0x1ff7_e5d8_e994_4498),
        Golden(
            members: [("a", 1_000_000), ("b", 1)], size: .small,
            first: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], sum: 0x13fd_8703_272b_9b4f),
        Golden(
            members: [("a", 1_000_000), ("b", 1)], size: .medium,
            first: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], sum: 0x4a29_98df_ef26_820f),
        Golden(
            members: [("a", 1_000_000), ("b", 1)], size: .large,
            first: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], sum: 0x114b_b47a_14eb_35df),
    ]

    @Test(arguments: golden)
    func `tables are what they were when version 1 was set down`(_ golden: Golden) {
        let slots = LookupTable.slots(of: members(golden.members), size: golden.size)
        #expect(Array(slots.prefix(12)) == golden.first)
        #expect(Self.sum(slots) == golden.sum)
    }

    static func sum(_ slots: [UInt16]) -> UInt64 {
        slots.reduce(0xcbf2_9ce4_8422_2325) { sum, id in
            let low = (sum ^ UInt64(id & 0xff)) &* 0x100_0000_01b3
            return (low ^ UInt64(id >> 8)) &* 0x100_0000_01b3
        }
    }

    @Test func `a table is the paper's: each member in turn takes the first free slot of its permutation`() {
        let names = ["a", "b", "consul-1/web-7", "10.0.1.4:8443", "é"]
        let slots = LookupTable.slots(of: members(names.map { ($0, 3) }), size: .small)
        // Compared outside of the macro, which would print whole tables.
        let same = slots == Naive.slots(of: names.enumerated().map { (UInt16($0 + 1), $1) }, count: 4099)
        #expect(same)
    }

    @Test func `no backend, or none of a weight above 0, leaves every slot at 0`() {
        #expect(shares(LookupTable.slots(of: [], size: .small)) == [0: 4099])
        #expect(shares(LookupTable.slots(of: members(3, weight: 0), size: .medium)) == [0: 16381])
    }

    @Test func `one backend has every slot, whatever its weight`() {
        for weight: UInt32 in [1, 7, .max] {
            #expect(shares(LookupTable.slots(of: members(1, weight: weight), size: .small)) == [1: 4099])
        }
    }

    @Test func `the order of the members does not matter`() {
        var random = SplitMix(for: "order of members")
        let weights = (0..<40).map { ("b\($0)", UInt32.random(in: 0...100, using: &random)) }
        let all = members(weights)
        let slots = LookupTable.slots(of: all, size: .small)
        for _ in 0..<5 {
            let same = LookupTable.slots(of: all.shuffled(using: &random), size: .small) == slots
            #expect(same, "seed \(random.seed)")
        }
    }

    @Test func `ids name slots and do not choose them`() {
        let others = members(10).map {
            TableMember(id: .init(rawValue: $0.id.rawValue + 700), name: $0.name, weight: 1)
        }
        let slots = LookupTable.slots(of: members(10), size: .small)
        let same = LookupTable.slots(of: others, size: .small) == slots.map { $0 + 700 }
        #expect(same)
    }

    @Test(arguments: [
        (TableSize.medium, 10, 0.9995, 1.001), (.medium, 100, 0.99, 1.005), (.large, 10, 0.9998, 1.0003),
        (.large, 100, 0.998, 1.002), (.large, 500, 0.995, 1.01),
    ])
    func `equal backends have nearly equal shares`(size: TableSize, count: Int, least: Double, most: Double) {
        let shares = shares(LookupTable.slots(of: members(count), size: size)).values
        let average = Double(size.slots) / Double(count)
        #expect(shares.count == count)
        #expect(Double(shares.min() ?? 0) / average > least)
        #expect(Double(shares.max() ?? 0) / average < most)
    }

    @Test(arguments: [
        (TableSize.small, 10, 0.020), (.small, 40, 0.030), (.medium, 10, 0.008), (.medium, 40, 0.013),
        (.medium, 100, 0.017), (.large, 10, 0.004), (.large, 100, 0.008), (.large, 500, 0.011),
    ])
    func `adding or removing one of many moves little between the others`(size: TableSize, count: Int, bound: Double) {
        let all = members(count + 1)
        let more = LookupTable.slots(of: all, size: size)
        let less = LookupTable.slots(of: all.filter { $0.name != "b\(count / 2)" }, size: size)
        for movement in [TableMovement.between(old: more, new: less), .between(old: less, new: more)] {
            let share = Double(movement.unavoidable) / Double(size.slots)
            #expect(abs(share - 1 / Double(count + 1)) < 0.001)
            #expect(Double(movement.collateral) / Double(size.slots) < bound)
        }
    }

    @Test func `a tenth of a hundred backends failing at once moves little between the others`() {
        let all = members(100)
        let old = LookupTable.slots(of: all, size: .large)
        for (failed, bound) in [(1, 0.009), (5, 0.013), (10, 0.015), (25, 0.017), (50, 0.017)] {
            let new = LookupTable.slots(of: Array(all.dropFirst(failed)), size: .large)
            let surviving = old.count { $0 > failed }
            let moved = zip(old, new).count { $0 > failed && $0 != $1 }
            #expect(Double(moved) / Double(surviving) < bound, "\(failed) failed")
        }
    }

    @Test(arguments: [
        ([("a", UInt32(10)), ("b", 1)], [0.9091, 0.0909]),
        ([("a", 1000), ("b", 1), ("c", 1)], [0.99800, 0.00100, 0.00100]),
        ([("a", 3), ("b", 2), ("c", 1)], [0.5, 0.33333, 0.16667]), ([("a", 1_000_000), ("b", 1_000_000)], [0.5, 0.5]),
        ([("a", .max), ("b", .max), ("c", .max)], [0.33333, 0.33333, 0.33333]),
    ])
    func `shares follow the weights`(weights: [(String, UInt32)], expected: [Double]) {
        let shares = shares(LookupTable.slots(of: members(weights), size: .large))
        for (index, share) in expected.enumerated() {
            #expect(abs(Double(shares[UInt16(index + 1)] ?? 0) / 65537 - share) < 0.0001)
        }
    }

    @Test func `halving one of fifty moves its half and little else`() {
        let old = LookupTable.slots(of: members(50, weight: 2), size: .large)
        let halved = members((0..<50).map { ("b\($0)", $0 == 7 ? 1 : 2) })
        let movement = TableMovement.between(old: old, new: LookupTable.slots(of: halved, size: .large))
        #expect((0.0095...0.0105).contains(Double(movement.unavoidable) / 65537))
        #expect(Double(movement.moved) / 65537 < 0.018)
    }

    @Test func `every weight above 0 has a slot, however small beside the others`() {
        var random = SplitMix(for: "at least one slot")
        var cases = [members([("a", 1_000_000), ("b", 1), ("c", 0)]), members(4099), members(4098, weight: .max)]
        for count in [2, 30, 500, 3000, 4099] {
            cases.append(members((0..<count).map { ("b\($0)", 1 << UInt32.random(in: 0...19, using: &random)) }))
        }
        for all in cases {
            let shares = shares(LookupTable.slots(of: all, size: .small))
            #expect(Set(shares.keys) == Set(all.filter { $0.weight > 0 }.map(\.id.rawValue)), "seed \(random.seed)")
            #expect(shares.values.reduce(0, +) == 4099)
        }
    }

    @Test func `where backends are more than slots the heaviest have one each`() {
        let many = members((0..<5000).map { ("b\($0)", $0 < 1000 ? 1 : 9) })
        let shares = shares(LookupTable.slots(of: many, size: .small))
        #expect(shares.count == 4099)
        #expect(shares.values.allSatisfy { $0 == 1 })
        #expect((1001...5000).allSatisfy { shares[UInt16($0)] == 1 })
    }

    @Test(arguments: [(TableSize.small, 257, 5), (.medium, 1024, 16), (.large, 4097, 65)])
    func `a table takes whole lines and granules`(size: TableSize, lines: Int, granules: Int) {
        #expect(size.lines == lines)
        #expect(size.granules == granules)
    }

    @Test func `a movement tells what must move from what need not`() {
        let movement = TableMovement.between(old: [1, 1, 1, 2, 2, 2], new: [1, 2, 3, 2, 2, 1])
        #expect(movement == .between(old: [1, 1, 1, 2, 2, 2, 9], new: [1, 2, 3, 2, 2, 1]))
        #expect(movement.moved == 3)
        #expect(movement.unavoidable == 1)
        #expect(movement.collateral == 2)
    }
}

/// The paper's algorithm as it is printed there, for equal weights, with the hash written out once more.
private enum Naive {
    static func slots(of backends: [(id: UInt16, name: String)], count: UInt64) -> [UInt16] {
        let sorted = backends.sorted { Array($0.name.utf8).lexicographicallyPrecedes(Array($1.name.utf8)) }
        let permutations = sorted.map { backend in
            let hash = hash(Array(backend.name.utf8))
            let offset = ((hash >> 32) * count) >> 32
            let skip = 1 + (((hash & 0xffff_ffff) * (count - 1)) >> 32)
            return (0..<count).map { Int((offset + $0 * skip) % count) }
        }
        var next = [Int](repeating: 0, count: sorted.count)
        var slots = [UInt16](repeating: 0, count: Int(count))
        var free = count
        while true {
            for index in sorted.indices {
                while slots[permutations[index][next[index]]] != 0 { next[index] += 1 }
                slots[permutations[index][next[index]]] = sorted[index].id
                free -= 1
                if free == 0 { return slots }
            }
        }
    }

    static func hash(_ bytes: [UInt8]) -> UInt64 {
        func mix(_ value: UInt64) -> UInt64 {
            let first = value &* 0x9fb2_1c65_1e98_df25
            let second = (first ^ first >> 32) &* 0xd6e8_feb8_6659_fd93
            return second ^ second >> 29
        }
        var hash: UInt64 = 0x511c_e000_0000_0001
        var words = bytes.count / 8 + 1
        var rest = bytes[...]
        while words > 0 {
            let word = rest.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            hash = mix(hash ^ word)
            rest = rest.dropFirst(8)
            words -= 1
        }
        return mix(hash ^ ~UInt64(bytes.count))
    }
}
