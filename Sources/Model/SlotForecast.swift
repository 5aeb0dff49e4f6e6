// SPDX-License-Identifier: Apache-2.0

/// What a change does to one service's lookup table on one host, and to the flows that its slots carry.
///
/// Exact for slots: the tables show these numbers afterwards. A host whose slots were settled before has `tracked`
/// unsettled ones then.
public struct SlotForecast: Hashable, Sendable {
    /// Slots of the table.
    public let total: Int
    public let movement: TableMovement
    /// Slots that each backend has more than before, or fewer (negative).
    public let balance: [BackendID: Int]
    /// Moved slots whose backend so far keeps its flows: they stay with it, and new flows are recorded until the slot
    /// settles. Records are each host's own, so these are at risk where the host is lost meanwhile.
    public let tracked: Int
    /// Moved slots whose backend so far is gone, or gives its flows up: these go to another backend at once.
    public let cut: Int

    /// Of what becomes unsettled.
    public var shareAtRisk: Double { total == 0 ? 0 : Double(tracked) / Double(total) }

    /// - Parameters:
    ///   - old, new: the service before and after; the tables are of one size.
    ///   - down: what the host's probes see down of either.
    init(from old: PlacedService, down oldDown: Set<BackendID>, to new: PlacedService, down newDown: Set<BackendID>) {
        let before = LookupTable.slots(of: old.activeMembers(less: oldDown).members, size: old.service.tableSize)
        let after = LookupTable.slots(of: new.activeMembers(less: newDown).members, size: new.service.tableSize)
        let keepers = Set(new.backends.lazy.map(\.id.rawValue))
            .subtracting(new.rehashed(down: newDown).lazy.map(\.rawValue))
        var balance: [BackendID: Int] = [:]
        var (tracked, cut) = (0, 0)
        for (from, to) in zip(before, after) where from != to {
            if from != 0 {
                balance[BackendID(rawValue: from), default: 0] -= 1
                if keepers.contains(from) { tracked += 1 } else { cut += 1 }
            }
            if to != 0 { balance[BackendID(rawValue: to), default: 0] += 1 }
        }
        total = after.count
        movement = TableMovement.between(old: before, new: after)
        self.balance = balance.filter { $0.value != 0 }
        self.tracked = tracked
        self.cut = cut
    }
}
