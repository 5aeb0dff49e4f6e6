// SPDX-License-Identifier: Apache-2.0

extension PlacedService {
    /// What the service's table is built of when nothing is down, sorted by name.
    public var members: [TableMember] {
        backends.compactMap { placed in
            guard placed.state == .active, placed.backend.weight > 0 else { return nil }
            return TableMember(id: placed.id, name: placed.backend.name, weight: placed.backend.weight)
        }
    }

    /// Whether the fleet has nothing left of the last change: the previous table is the current one.
    public var isSettled: Bool { settled == members }

    /// What this host's table is built of, sorted by name: the active backends of a weight above 0 less those that its
    /// probes see down.
    ///
    /// Where taking these away would pass the service's brake, none is: `isolated` says so, as it is likelier that this
    /// host is cut off than that all of them died. The brake counts backends, whatever their weights.
    public func activeMembers(less down: Set<BackendID>) -> (members: [TableMember], isolated: Bool) {
        let all = members
        let up = all.filter { !down.contains($0.id) }
        let removed = all.count - up.count
        guard removed > 0 else { return (all, false) }
        let brake = service.brake
        let held = up.count < brake.minimumActive || removed * 100 > brake.maximumRemoved * all.count
        return held ? (all, true) : (up, false)
    }

    /// Backends whose established flows move on at once: those seen down, where the service says `on-down: rehash` and
    /// the brake does not hold. Their records are void.
    public func rehashed(down: Set<BackendID>) -> Set<BackendID> {
        guard service.onDown == .rehash, !activeMembers(less: down).isolated else { return [] }
        return Set(backends.lazy.map(\.id).filter { down.contains($0) })
    }

    /// The current and the previous backend of each slot, 0 for none: a slot where the two differ is unsettled until
    /// this host finds it idle.
    ///
    /// Current is the table of `activeMembers`. Previous is the table of `settled`; where that names a backend that is
    /// gone (its drain deadline has passed) or that is rehashed, it is the current one.
    public func tables(down: Set<BackendID>) -> (current: [UInt16], previous: [UInt16]) {
        let members = activeMembers(less: down).members
        let current = LookupTable.slots(of: members, size: service.tableSize)
        guard settled != members else { return (current, current) }
        var previous = LookupTable.slots(of: settled, size: service.tableSize)
        var kept = [Bool](repeating: false, count: Int(UInt16.max) + 1)
        for placed in backends { kept[Int(placed.id.rawValue)] = true }
        for id in rehashed(down: down) { kept[Int(id.rawValue)] = false }
        for slot in previous.indices where !kept[Int(previous[slot])] { previous[slot] = current[slot] }
        return (current, previous)
    }
}
