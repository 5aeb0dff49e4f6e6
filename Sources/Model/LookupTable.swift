// SPDX-License-Identifier: Apache-2.0

/// Maglev's lookup table, weighted by credit: which backend a slot's new flows go to.
///
/// A pure function of names, ids and weights: the order of the members does not matter, all arithmetic is of integers
/// of a fixed width. Each member walks a permutation of the slots of its own (offset and step from a hash of its name)
/// and takes the first free one whenever its turn comes.
///
/// Source: D. Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, section 3.4;
/// the credit scheme is Envoy's.
public enum LookupTable {
    /// Of the whole function. A table of another version is another table: a full remap.
    public static let version = 1

    /// Of the permutations of version 1: a constant, not the fleet's secret, which keys the flow hash alone, so that a
    /// new secret leaves tables as they are.
    public static let seed: UInt64 = 0x51_1c_e0_00_00_00_00_01

    /// The id of the backend of each slot; 0 everywhere if no member has a weight above 0.
    ///
    /// Every round adds a member's weight to its credit, and a member whose credit has reached the largest weight pays
    /// that much for a slot. Each member of a weight above 0 has at least one slot: one whose share comes to less than
    /// one takes it before the first round. Where there are more members than slots, the heaviest have one each and the
    /// others (among equals those with the later names) none.
    ///
    /// - Parameters:
    ///   - members: in any order, names unique, ids not 0.
    ///   - seed: of the permutations; nothing but tests of the function itself says another than its version's.
    /// - Returns: as many ids as the size has slots.
    public static func slots(of members: [TableMember], size: TableSize, seed: UInt64 = seed) -> [UInt16] {
        let count = Int(size.rawValue)
        let takers = takers(of: members, count: count)
        guard let heaviest = takers.lazy.map({ UInt64($0.weight) }).max() else {
            return [UInt16](repeating: 0, count: count)
        }
        let rounds = rounds(of: takers, heaviest: heaviest, count: count)
        return [UInt16](unsafeUninitializedCapacity: count) { slots, initialized in
            slots.initialize(repeating: 0)
            initialized = count
            withUnsafeTemporaryAllocation(of: Taker.self, capacity: takers.count) { turns in
                var unfilled = count
                var regulars = 0
                for member in takers {
                    var taker = Taker(member, count: UInt32(count), seed: seed)
                    // What would not have a slot when the last round begins takes one now, and none later.
                    if rounds == 0 || UInt64(rounds - 1) * UInt64(member.weight) < heaviest {
                        taker.take(from: slots)
                        unfilled -= 1
                    } else {
                        turns.initializeElement(at: regulars, to: taker)
                        regulars += 1
                    }
                }
                let regular = UnsafeMutableBufferPointer(rebasing: turns[..<regulars])
                fill(slots, unfilled: unfilled, turns: regular, heaviest: heaviest)
                regular.deinitialize()
            }
        }
    }

    /// Round after round until no slot is free. Where `unfilled` is above 0 the heaviest are among `turns`, and each
    /// takes a slot a round.
    private static func fill(
        _ slots: UnsafeMutableBufferPointer<UInt16>, unfilled: Int, turns: UnsafeMutableBufferPointer<Taker>,
        heaviest: UInt64
    ) {
        var unfilled = unfilled
        while unfilled > 0 {
            for index in turns.indices {
                turns[index].credit += turns[index].weight
                guard turns[index].credit >= heaviest else { continue }
                turns[index].credit -= heaviest
                turns[index].take(from: slots)
                unfilled -= 1
                if unfilled == 0 { return }
            }
        }
    }

    /// Those of a weight above 0 by name, no more than there are slots.
    private static func takers(of members: [TableMember], count: Int) -> [TableMember] {
        var takers = members.filter { $0.weight > 0 }
        if takers.count > count {
            takers.sort { $0.weight != $1.weight ? $0.weight > $1.weight : TableMember.precedes($0, $1) }
            takers.removeLast(takers.count - count)
        }
        let ordered = zip(takers, takers.dropFirst()).allSatisfy { TableMember.precedes($0, $1) }
        if !ordered { takers.sort(by: TableMember.precedes) }
        return takers
    }

    /// The number of the round in which the last slot goes, when each member has one at least.
    private static func rounds(of takers: [TableMember], heaviest: UInt64, count: Int) -> Int {
        var low = 0
        var high = count  // The heaviest takes a slot a round.
        while low < high {
            let middle = (low + high) / 2
            var taken: UInt64 = 0
            for taker in takers { taken += max(1, UInt64(middle) * UInt64(taker.weight) / heaviest) }
            if taken >= UInt64(count) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

extension TableMember {
    /// The order of tables and lists: by the name's bytes, then by id.
    static func precedes(_ one: TableMember, _ other: TableMember) -> Bool {
        NameHash.precedes(one.name, one.id, other.name, other.id)
    }
}

/// One member on its walk over the slots.
private struct Taker {
    let weight: UInt64
    var credit: UInt64 = 0
    var position: UInt32
    let step: UInt32
    let count: UInt32
    let id: UInt16

    /// The hash's high half chooses the offset in [0, count), its low half the step in [1, count): as count is prime,
    /// the walk comes by every slot once.
    init(_ member: TableMember, count: UInt32, seed: UInt64) {
        let hash = NameHash.hash(member.name, seed: seed)
        weight = UInt64(member.weight)
        id = member.id.rawValue
        self.count = count
        position = UInt32(truncatingIfNeeded: ((hash >> 32) * UInt64(count)) >> 32)
        step = 1 + UInt32(truncatingIfNeeded: ((hash & 0xffff_ffff) * UInt64(count - 1)) >> 32)
    }

    /// Takes the next free slot; there must be one.
    mutating func take(from slots: UnsafeMutableBufferPointer<UInt16>) {
        // In bounds: `position` is kept below `count`, which is the number of slots.
        while slots[Int(position)] != 0 { advance() }
        slots[Int(position)] = id
        advance()
    }

    private mutating func advance() {
        position += step
        if position >= count { position -= count }
    }
}
