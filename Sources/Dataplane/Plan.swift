// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

/// Ordered writes that lead from what the maps hold to an image: backends, slots, VIPs; removals after a grace
/// period, in reverse.
///
/// A plan may be cut after any step, and within the steps after any store: every VIP in force names a whole table of
/// backends that are there. A plan made anew from what the cut left leads to the same image.
struct Plan: Sendable {
    enum Step: Sendable {
        /// Interfaces and outer prefixes.
        case control(CDataplane.control)
        case setPorts([UInt32: UInt32])
        /// Records that name these say nothing from now on.
        case voidRecords([UInt16])
        case sweepRecords([UInt16])
        /// Frees records of these services that are void by the seconds of `flow-idle` that hold until now.
        case sweepExpired([UInt16: UInt32], now: UInt32)
        /// Of ids that nothing counts for any more, before they are another's.
        case clearCounters(services: [UInt16], backends: [UInt16])
        case setBackends([ServiceImage.BackendEntry])
        case setFilter([Int])
        case setAccess([AccessEntry])
        case setPolicies([UInt16: CDataplane.service])
        case setSlots(SlotChange)
        /// The content of the half that is not in force.
        case fillVIPs(VIPHalf, half: Int)
        /// One store: all VIPs of the half are in force.
        case flip(Int)
        /// Every program run that could have read what was there before has ended.
        case grace
        case clearBackends([UInt16])
        case clearAccess([AccessEntry])
        case replaceFilter([UInt64])
        case clearPolicies([UInt16])
        case clearTables([Range<Int>])
        case clearPorts([UInt32])
    }

    /// When these are done, the image is in force.
    var steps: [Step] = []
    /// What is to be done afterwards and may run behind: a grace period and what is no longer needed.
    var removals: [Step] = []

    var isEmpty: Bool { steps.isEmpty && removals.isEmpty }
}

/// Stores into one service's table.
struct SlotChange: Sendable {
    struct Write: Hashable, Sendable {
        /// Among all slots of the map.
        let slot: UInt32
        let word: UInt32
    }

    let service: UInt16
    /// Lines that change: their times are set before their slots are.
    var lines: [UInt32]
    /// Seconds of the monotonic clock, the lines' new times.
    let now: UInt32
    var writes: [Write]
}

extension Plan {
    /// - Parameters:
    ///   - unchanged: services whose backends, policy and slots are known to be in the maps.
    ///   - now: seconds of the kernel's monotonic clock.
    static func plan(
        from observed: ObservedImage, to image: MapImage, unchanged: Set<UInt16> = [], now: UInt32
    ) -> Plan {
        var planner = Planner(observed: observed, image: image, unchanged: unchanged, now: now)
        planner.addHost()
        planner.voidGone()
        planner.sweepExpired()
        planner.widenFilter()
        planner.addServices()
        planner.flipIfNeeded()
        planner.addRemovals()
        return planner.plan
    }
}

/// The way to a plan.
struct Planner {
    let observed: ObservedImage
    let image: MapImage
    let unchanged: Set<UInt16>
    let now: UInt32
    private let rules: SlotRules
    private let gone: [UInt16]
    var plan = Plan()
    /// What the access map holds when the steps so far are done.
    var held: Set<AccessEntry>
    /// Services whose policy is among the steps.
    var policed: Set<UInt16> = []
    private let before: ActiveEntries
    private var active: ActiveEntries
    private var activeHalf: Int
    private var updated: Set<UInt16> = []
    /// Backends of services that the next flip gives another table.
    private var remapped: [UInt16] = []

    init(observed: ObservedImage, image: MapImage, unchanged: Set<UInt16>, now: UInt32) {
        self.observed = observed
        self.image = image
        self.unchanged = unchanged
        self.now = now
        rules = SlotRules(image.services)
        held = observed.access
        before = ActiveEntries(observed.entries)
        active = before
        activeHalf = observed.active
        var wanted = [Bool](repeating: false, count: observed.backends.count)
        for service in image.services {
            for entry in service.backends { wanted[Int(entry.id)] = true }
        }
        gone = observed.backends.indices.filter { observed.backends[$0].isPresent && !wanted[$0] }.map { UInt16($0) }
    }

    mutating func addHost() {
        let control = image.control(over: observed.control)
        if !sameBytes(control, observed.control) { plan.steps.append(.control(control)) }
        let ports = image.ports.interfaces.filter { observed.ports[$0.key] != $0.value }
        if !ports.isEmpty { plan.steps.append(.setPorts(ports)) }
    }

    mutating func voidGone() {
        let ids = gone.filter { !observed.backends[Int($0)].has(BACKEND_RECORDS_VOID) }
        if !ids.isEmpty { plan.steps.append(.voidRecords(ids)) }
    }

    /// Where `flow-idle` grows: records that were void would speak again, though slots have settled without them.
    ///
    /// One that becomes void between this and the store of the longer time has settled no slot yet (SETTLE_MARGIN).
    mutating func sweepExpired() {
        var idles: [UInt16: UInt32] = [:]
        for service in image.services where !unchanged.contains(service.id) {
            let idle = observed.policies[Int(service.id)].flow_idle
            // 0: nobody had the id, so no record is of its.
            if idle != 0, service.policy.flow_idle > idle { idles[service.id] = idle }
        }
        if !idles.isEmpty { plan.steps.append(.sweepExpired(idles, now: now)) }
    }

    /// Tables and what they name. Where something that is still in force stands in the way, the VIPs of the rest are
    /// put in force first, and what stands in the way is gone by then. So it is with prefixes where the access map is full.
    mutating func addServices() {
        // By the third round nothing of the old is left to stand in the way.
        for round in 0..<4 {
            let conflicts = Conflicts(image: image, observed: observed, active: active, updated: updated)
            var cramped: Set<UInt16> = []
            for service in image.services where !updated.contains(service.id) {
                if round == 0, !hasRoom(for: service) { cramped.insert(service.id) }
                guard !conflicts.blocks(service), !cramped.contains(service.id) else { continue }
                if !unchanged.contains(service.id) { add(service, reused: conflicts.reused) }
                updated.insert(service.id)
            }
            if updated.count == image.services.count { return }
            let steering = image.services.compactMap { service -> vip? in
                if updated.contains(service.id) { return service.vip }
                return active.entry(of: service).map { round == 0 ? $0 : $0.emptied() }
            }
            guard let half = VIPHalf(VIPHalf.entries(of: steering)) else { return }
            flip(to: half)
            plan.steps.append(.grace)
            if !cramped.isEmpty { clearAccess(except: Set(image.services.map(\.id)).subtracting(updated)) }
        }
    }

    private mutating func add(_ service: ServiceImage, reused: Set<UInt16>) {
        clearCounters(service, reused: reused)
        let changed = service.backends.filter { !sameBytes($0.template, observed.backends[Int($0.id)]) }
        // Records of another backend under the same id, or of one whose flows were given up.
        let stale = changed.filter { entry in
            let wasVoid = observed.backends[Int(entry.id)].has(BACKEND_RECORDS_VOID)
            return reused.contains(entry.id) || (wasVoid && !entry.template.has(BACKEND_RECORDS_VOID))
        }
        if !stale.isEmpty { plan.steps.append(.sweepRecords(stale.map { $0.id })) }
        if !changed.isEmpty { plan.steps.append(.setBackends(changed)) }
        addAccess(service)
        let words = observed.tables[service.place] ?? []
        let change = SlotChange(service, over: words, inPlace: active.isInPlace(service), rules: rules, now: now)
        if !change.lines.isEmpty || !change.writes.isEmpty { plan.steps.append(.setSlots(change)) }
        if let entry = active.entry(of: service), entry.place != service.place {
            remapped += service.backends.map { $0.id }
        }
    }

    /// The former holder of an id went in an earlier generation that this host skipped, or never removed what was left.
    private mutating func clearCounters(_ service: ServiceImage, reused: Set<UInt16>) {
        let wasAnothers = observed.policies[Int(service.id)].flow_idle != 0 && !before.holds(service)
        let backends = service.backends.map(\.id).filter(reused.contains)
        guard wasAnothers || !backends.isEmpty else { return }
        plan.steps.append(.clearCounters(services: wasAnothers ? [service.id] : [], backends: backends))
    }

    mutating func flipIfNeeded() {
        if !image.half.holdsSame(as: active.entries) { flip(to: image.half) }
    }

    private mutating func flip(to half: VIPHalf) {
        activeHalf = 1 - activeHalf
        plan.steps.append(.fillVIPs(half, half: activeHalf))
        // What records say was so under the old table. Not later: those of the new one must stay.
        if !remapped.isEmpty { plan.steps.append(.sweepRecords(remapped)) }
        remapped = []
        plan.steps.append(.flip(activeHalf))
        active = ActiveEntries(half.entries)
    }

    mutating func addRemovals() {
        var removals: [Plan.Step] = []
        let given = image.services.flatMap { service in
            service.rehashed.filter { !observed.backends[Int($0)].has(BACKEND_RECORDS_VOID) }
        }
        let void = gone + given
        if !void.isEmpty { removals.append(.sweepRecords(void)) }
        let ids = Set(image.services.map(\.id))
        let policies = observed.policies.indices.map { UInt16($0) }.filter { id in
            !ids.contains(id) && !sameBytes(observed.policies[Int(id)], CDataplane.service())
        }
        // Before what tells that they are due.
        if !gone.isEmpty || !policies.isEmpty {
            removals.append(.clearCounters(services: policies, backends: gone))
        }
        if !gone.isEmpty { removals.append(.clearBackends(gone)) }
        removals += accessRemovals()
        if !policies.isEmpty { removals.append(.clearPolicies(policies)) }
        let tables = staleLines()
        if !tables.isEmpty { removals.append(.clearTables(tables)) }
        let ports = observed.ports.keys.filter { image.ports.interfaces[$0] == nil }.sorted()
        if !ports.isEmpty { removals.append(.clearPorts(ports)) }
        // The half that went out of force is not written again before its readers are gone.
        let hasFlipped = plan.steps.contains { if case .flip = $0 { true } else { false } }
        if hasFlipped || !removals.isEmpty { plan.removals = [.grace] + removals }
    }

    /// Lines of tables that were in force and that nothing of the image lies in.
    private func staleLines() -> [Range<Int>] {
        let before = Set(observed.entries.filter { $0.value != nil }.map(\.place))
        let kept = Set(image.services.map(\.place))
        let taken = RangeSet(kept.map(\.lines))
        return before.subtracting(kept).flatMap { Array(RangeSet($0.lines).subtracting(taken).ranges) }
            .sorted { $0.lowerBound < $1.lowerBound }
    }
}
