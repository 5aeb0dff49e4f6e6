// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import Model

/// The maps as their one writer sees them: what was put there, and what is still to be done.
final class Tables {
    struct Outcome {
        var changes = ApplyReport.Changes()
        var planning = Duration.zero
        var storing = Duration.zero
        var notes: [String] = []
        /// False where something was left out that may succeed later.
        var isComplete = true
    }

    let maps: KernelMaps
    private let memory: MapMemory
    private let keyed: KernelKeyedMaps
    /// What the maps are known to hold.
    private(set) var applied: MapImage?
    private(set) var generation: (epoch: UInt64, number: UInt64)?
    /// Services whose list of prefixes could not be brought in: what they had of it stays.
    private var listless: Set<UInt16> = []
    /// Removals of the last plan.
    private var pending: [Plan.Step] = []
    /// Services that may have unsettled slots.
    private var unsettled: Set<UInt16> = []

    init(_ paths: PinPaths) throws(BPFError) {
        maps = try KernelMaps(paths)
        keyed = try KernelKeyedMaps(maps)
        memory = maps.memory(keyed)
    }

    var assignedPorts: PortAssignment { PortAssignment(interfaces: keyed.ports, limit: UInt32(PORTS_MAX)) }
    var placedInterfaces: Set<UInt32> { memory.placedInterfaces }
    var hasPending: Bool { !pending.isEmpty }
    var unsettledServices: [String] {
        (applied?.services ?? []).filter { unsettled.contains($0.id) }.map(\.name).sorted()
    }

    /// Carries out the plan to an image as far as it takes to be in force.
    func apply(_ image: MapImage, epoch: UInt64, number: UInt64) throws -> Outcome {
        let refusals = try tidy()
        // What was refused is still seen in the maps, and so in the new plan.
        pending = []
        let clock = ContinuousClock()
        let start = clock.now
        try keyed.refresh()
        let unchanged = image.unchanged(since: applied).subtracting(listless)
        let observed = memory.observe(for: image, unchanged: unchanged)
        let plan = Plan.plan(from: observed, to: image, unchanged: unchanged, now: MonotonicClock.seconds())
        let planned = clock.now
        applied = nil
        listless = []
        var outcome = Outcome(changes: plan.changes, planning: start.duration(to: planned))
        outcome.notes = refusals.map { "what is no longer needed cannot be removed yet: \($0)" }
        outcome.isComplete = refusals.isEmpty
        for step in plan.steps { try carryOut(step, of: image, &outcome) }
        pending = plan.removals.compactMap { $0.sparing(listless, memory) }
        applied = image
        generation = (epoch, number)
        let changed = image.services.map(\.id).filter { !unchanged.contains($0) }
        unsettled = unsettled.union(changed).intersection(image.services.map(\.id))
        outcome.storing = planned.duration(to: clock.now)
        return outcome
    }

    /// What concerns one service's list or one interface alone must not hold up all others' backends.
    private func carryOut(_ step: Plan.Step, of image: MapImage, _ outcome: inout Outcome) throws {
        guard let step = step.sparing(listless, memory) else { return }
        do {
            try memory.perform(step, grace: Self.wait)
        } catch {
            keyed.forget()
            switch step {
            case .setPorts: outcome.notes.append("packets that leave by another interface are dropped: \(error)")
            case .setAccess(let entries), .clearAccess(let entries):
                for id in Set(entries.map(\.service.rawValue)).sorted() {
                    outcome.notes.append(note(listless: id, of: image, error))
                }
            default: throw error
            }
            outcome.isComplete = false
        }
    }

    /// From now on the list of this service is left alone; answers what that comes to.
    private func note(listless id: UInt16, of image: MapImage, _ error: any Error) -> String {
        listless.insert(id)
        guard let service = image.services.first(where: { $0.id == id }) else {
            return "service id \(id): the allow and deny lists of it, which is gone, cannot be removed: \(error)"
        }
        let isOpen = memory.services[Int(id)].access_default == ACCESS_ALLOW.rawValue
        let isListed = isOpen || keyed.access.contains { $0.service.rawValue == id }
        let instead = isListed ? "what was in force of it stays" : "everybody is refused"
        return "service \(service.name): its allow and deny lists cannot be set, \(instead): \(error)"
    }

    /// What was left of the last change.
    ///
    /// - Throws: the first refusal, after all else is done.
    func finish() throws {
        if let refusal = try tidy().first { throw refusal }
    }

    /// Does what was left of the last change, but for removals that a system call refuses: these stay to be done, and
    /// hold nothing up.
    ///
    /// - Throws: where the grace period cannot be waited for, without which nothing may be removed.
    func tidy() throws -> [any Error] {
        var refusals: [any Error] = []
        var left: [Plan.Step] = []
        while let step = pending.first {
            do {
                try memory.perform(step, grace: Self.wait)
            } catch {
                if case .grace = step {
                    pending = left + pending
                    throw error
                }
                keyed.forget()
                refusals.append(error)
                left.append(step)
            }
            pending.removeFirst()
        }
        pending = left
        return refusals
    }

    /// Everything is compared with the maps at the next change.
    func distrust() {
        applied = nil
        keyed.forget()
    }

    /// Settles the slots that nothing has used the previous backend of for the service's `flow-idle`.
    ///
    /// - Returns: names of the services that have no unsettled slot.
    func settle(now: UInt32) throws -> Set<String> {
        _ = try tidy()
        guard let applied else { return [] }
        for service in applied.services where unsettled.contains(service.id) {
            let words = memory.words(of: service.place)
            let settling = Settling(
                words: words, times: memory.times(of: service.place), firstLine: service.place.lines.lowerBound,
                flowIdle: service.policy.flow_idle, now: now)
            try memory.perform(
                .setSlots(SlotChange(service: service.id, lines: [], now: now, writes: settling.writes)),
                grace: Self.wait)
            if settling.remaining == 0 { unsettled.remove(service.id) }
        }
        return Set(applied.services.lazy.filter { !self.unsettled.contains($0.id) }.map(\.name))
    }

    /// Frees records that say nothing any more: too old, of a backend that is gone or whose drain deadline has passed.
    ///
    /// At least once in six days, or an old record's age begins to look young again.
    ///
    /// - Returns: how many were freed.
    func sweep(now: UInt32) throws -> Int {
        let freed = memory.clearRecords { record in
            let backend = memory.backends[Int(record >> UInt64(RECORD_BACKEND_SHIFT) & UInt64(SLOT_BACKEND_MASK))]
            guard backend.isPresent, !backend.has(BACKEND_RECORDS_VOID), backend.service <= SERVICES_MAX else {
                return true
            }
            return record_is_void(record, now, memory.services[Int(backend.service)].flow_idle) != 0
        }
        // Only packets in unsettled slots write records: now none can spill while the marks are cleared.
        if unsettled.isEmpty {
            try Self.wait()
            memory.forgetSpills()
        }
        return freed
    }

    private static func wait() throws { try GracePeriod.wait() }
}

extension MapImage {
    /// Services whose entries are the very same as in an image before.
    func unchanged(since old: MapImage?) -> Set<UInt16> {
        guard let old else { return [] }
        var before = [ServiceImage?](repeating: nil, count: Int(SERVICE_IDS))
        for service in old.services { before[Int(service.id)] = service }
        return Set(services.lazy.filter { before[Int($0.id)] === $0 }.map(\.id))
    }
}

extension Plan.Step {
    /// What is left of it for services whose list stays as it is; nil for nothing.
    fileprivate func sparing(_ services: Set<UInt16>, _ memory: MapMemory) -> Plan.Step? {
        guard !services.isEmpty else { return self }
        func others(_ entries: [AccessEntry]) -> [AccessEntry] {
            entries.filter { !services.contains($0.service.rawValue) }
        }
        switch self {
        case .setAccess(let entries): return others(entries).isEmpty ? nil : .setAccess(others(entries))
        case .clearAccess(let entries): return others(entries).isEmpty ? nil : .clearAccess(others(entries))
        // A bit too many costs a lookup, one too few lets somebody in.
        case .replaceFilter: return nil
        case .setPolicies(let policies):
            return .setPolicies(
                Dictionary(
                    uniqueKeysWithValues: policies.map { id, policy in
                        (id, services.contains(id) ? policy.keepingDefault(of: memory.services[Int(id)]) : policy)
                    }))
        default: return self
        }
    }
}

extension CDataplane.service {
    /// With what held before for clients that no prefix names; a new service refuses them.
    fileprivate func keepingDefault(of old: CDataplane.service) -> CDataplane.service {
        var policy = self
        policy.access_default = old.access_default == 0 ? ACCESS_DENY.rawValue : old.access_default
        return policy
    }
}

extension Plan {
    /// Counts for people.
    var changes: ApplyReport.Changes {
        var changes = ApplyReport.Changes()
        for step in steps {
            switch step {
            case .setSlots(let change):
                changes.services += 1
                changes.slots += change.writes.count
            case .setBackends(let entries): changes.backends += entries.count
            case .flip: changes.hasFlipped = true
            default: break
            }
        }
        return changes
    }
}
