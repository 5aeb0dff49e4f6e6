// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

// The part of a plan that brings allow and deny lists into the access map.
extension Planner {
    /// Whether a service's list has room beside the others', if need be in its own old one's place.
    func hasRoom(for service: ServiceImage) -> Bool {
        guard !unchanged.contains(service.id) else { return true }
        let change = AccessChange(service, held: held, limit: observed.accessLimit)
        return change.new.count <= change.free + change.stale.count
    }

    /// The policy, which says what holds for clients that no prefix names, and the list itself.
    mutating func addAccess(_ service: ServiceImage) {
        let change = AccessChange(service, held: held, limit: observed.accessLimit)
        // While the old list goes early, clients are rather refused than let in.
        if change.isExchange, !service.allowsOthers { addPolicy(service) }
        addList(change)
        addPolicy(service)
    }

    private mutating func addPolicy(_ service: ServiceImage) {
        guard !sameBytes(service.policy, observed.policies[Int(service.id)]), policed.insert(service.id).inserted
        else { return }
        plan.steps.append(.setPolicies([service.id: service.policy]))
    }

    private mutating func addList(_ change: AccessChange) {
        guard !change.missing.isEmpty else { return }
        guard change.isExchange else {
            // The longest prefixes first: a shorter one must not answer for a moment in a longer one's place.
            plan.steps.append(.setAccess(change.missing.sorted().reversed()))
            // One that does not fit is refused as a whole and takes no room.
            if change.new.count <= change.free { hold(change.missing) }
            return
        }
        if !change.inverted.isEmpty { plan.steps.append(.setAccess(change.inverted)) }
        let exchange = AccessExchange(from: change.stale, to: change.new, free: change.free)
        for round in exchange.rounds {
            if !round.added.isEmpty { plan.steps.append(.setAccess(round.added)) }
            if !round.removed.isEmpty { plan.steps.append(.clearAccess(round.removed)) }
            held.subtract(round.removed)
        }
        hold(change.missing)
    }

    private mutating func hold(_ entries: [AccessEntry]) {
        for entry in entries { held.remove(entry.inverted) }
        held.formUnion(entries)
    }

    /// The filter's bits of all lists, before any entry: without its bit a client that a prefix names would be nobody's.
    mutating func widenFilter() {
        var bits: [Int] = []
        for (index, words) in zip(image.filter, observed.filter).enumerated() {
            var missing = words.0 & ~words.1
            while missing != 0 {
                bits.append(64 * index + missing.trailingZeroBitCount)
                missing &= missing - 1
            }
        }
        if !bits.isEmpty { plan.steps.append(.setFilter(bits)) }
    }

    /// Entries of services that go and of lists that were put in force, where others wait for their room.
    mutating func clearAccess(except waiting: Set<UInt16>) {
        let stale = held.subtracting(image.access).filter { !waiting.contains($0.service.rawValue) }
        guard !stale.isEmpty else { return }
        plan.steps.append(.clearAccess(stale.sorted()))
        held.subtract(stale)
    }

    func accessRemovals() -> [Plan.Step] {
        let stale = held.isEmpty ? [] : held.subtracting(image.access).sorted()
        let isWide = zip(observed.filter, image.filter).contains { $0 & ~$1 != 0 }
        return (stale.isEmpty ? [] : [.clearAccess(stale)])
            + (isWide || !stale.isEmpty ? [.replaceFilter(image.filter)] : [])
    }
}

/// From what the access map holds of a service to its list.
private struct AccessChange {
    /// What is to be written.
    let missing: [AccessEntry]
    /// Those that only change the answer under a key that is there, and those that need room.
    let inverted: [AccessEntry]
    let new: [AccessEntry]
    /// What goes: looked for only where room is short.
    let stale: [AccessEntry]
    let free: Int

    init(_ service: ServiceImage, held: Set<AccessEntry>, limit: Int) {
        missing = service.access.filter { !held.contains($0) }
        inverted = missing.filter { held.contains($0.inverted) }
        new = inverted.isEmpty ? missing : missing.filter { !held.contains($0.inverted) }
        free = limit - held.count
        if new.count > free {
            let kept = Set(service.access)
            stale = held.filter {
                $0.service.rawValue == service.id && !kept.contains($0) && !kept.contains($0.inverted)
            }
        } else {
            stale = []
        }
    }

    /// Whether old and new one do not fit beside each other, and the new one alone does.
    var isExchange: Bool { new.count > free && new.count <= free + stale.count }
}

extension ServiceImage {
    var allowsOthers: Bool { policy.access_default == ACCESS_ALLOW.rawValue }
}
