// SPDX-License-Identifier: Apache-2.0

/// What a change of a table moves, in slots.
public struct TableMovement: Hashable, Sendable {
    /// Slots whose backend changes.
    public let moved: Int
    /// The least that must move to get from the old shares to the new ones: what backends lose.
    public let unavoidable: Int
    /// What moves beyond that, between backends that keep their share.
    public var collateral: Int { moved - unavoidable }

    /// Both of one size; slots that only one of them has do not count.
    public static func between(old: [UInt16], new: [UInt16]) -> TableMovement {
        var balance: [UInt16: Int] = [:]
        var moved = 0
        for (before, after) in zip(old, new) where before != after {
            moved += 1
            balance[before, default: 0] -= 1
            balance[after, default: 0] += 1
        }
        return TableMovement(moved: moved, unavoidable: balance.values.reduce(0) { $0 - min($1, 0) })
    }
}
