// SPDX-License-Identifier: Apache-2.0

/// A desired state with the catalog's instances in their places, as far as the brake allows.
public struct ResolvedState: Hashable, Sendable {
    /// Every entry with all its backends.
    public var desired: DesiredState
    /// The exceptions of people, and what the catalog has in maintenance.
    public var overrides: [Override]
    /// Services of which the catalog would take away too much.
    public var held: [HeldBack]
    /// Services that keep what they have, as their catalog was never read.
    public var unread: [String]
    /// Instances that are left out, and why: a line each.
    public var problems: [String]
    /// What the instances ask for, by service.
    public var routes: [String: [CatalogRoute]]
}

/// A service from which nothing is removed, as too much would be.
public struct HeldBack: Hashable, Sendable, CustomStringConvertible {
    public let service: String
    /// Names of the backends that stay though the catalog has them no more, sorted.
    public let backends: [String]
    /// So many would be left, of so many.
    public let left: Int
    public let active: Int

    init(service: String, backends: [String], left: Int, active: Int) {
        (self.service, self.backends, self.left, self.active) = (service, backends, left, active)
    }

    /// A service that drains and the document would leave with nothing.
    public init(_ emptied: Emptied) {
        self.init(service: emptied.service, backends: [], left: 0, active: emptied.active)
    }

    public var description: String {
        if backends.isEmpty {
            return "service \(service): drains would leave 0 of \(active) active; it keeps what it has "
                + "\(Self.byDrains): sluicectl backend enable \(service)/BACKEND"
        }
        return "service \(service): the catalog would leave \(left) of \(active) active; "
            + "\(backends.count) stay, \(Self.byBrake)"
    }

    private static let byDrains = "until one is lifted"
    private static let byBrake = "held back by the brake"

    /// Whether a sentence that another host passed on is such a description.
    public static func isOne(_ sentence: String) -> Bool {
        sentence.hasPrefix("service ") && (sentence.contains(byDrains) || sentence.hasSuffix(byBrake))
    }
}

extension DesiredState {
    /// Puts the instances of each entry's query beside its own backends. Pure.
    ///
    /// - Maintenance is `draining`; a critical instance has weight 0. A backend of the document wins over an instance of
    ///   its name; an instance that cannot serve is left out and named.
    /// - A query that was never answered leaves the service what it has.
    /// - Where taking away what the catalog has no more would leave fewer than `min-active`, or remove more than
    ///   `max-removed` of the active backends of the previous generation, or leave less than the rest of the most that
    ///   there were within the last minute (`PoolWindow`), nothing is taken away. So many small steps take away no more
    ///   in a minute than one may, and a deployment that replaces backends one by one is free to go on. An answer that looks like
    ///   a mistake comes no further than this either. What people take away, by the document or by an override, does not
    ///   count.
    ///
    /// - Parameters:
    ///   - before: what `previous` was made of, where that is known and is another: what only the document has taken out
    ///     since then is not held back.
    ///   - window: what there was within the last minute, and the uptime now.
    ///   - now: UTC, seconds since 1970.
    public func resolved(
        by catalog: Catalog, overrides: [Override] = [], after previous: Generation?, before: DesiredState? = nil,
        window: (pools: PoolWindow, uptime: Duration)? = nil, now: Int64
    ) -> ResolvedState {
        var resolution = ResolvedState(
            desired: DesiredState(routing: routing), overrides: overrides, held: [], unread: [], problems: [],
            routes: [:])
        for entry in entries {
            guard let query = entry.query else {
                resolution.desired.entries.append(entry)
                continue
            }
            let name = entry.service.name
            let drained = overrides.filter { $0.service == name && ($0.expiry.map { $0 > now } ?? true) }
            let old = before?.entries.first { $0.service.name == name }
            let step = CatalogStep(
                entry: entry, known: catalog.services[query], old: previous?.service(named: name),
                drained: Set(drained.map(\.backend)), formerly: Set(old?.backends.map(\.name) ?? []), window: window)
            step.resolve(&resolution)
        }
        return resolution
    }
}

/// One service and its catalog.
private struct CatalogStep {
    let entry: DesiredState.Entry
    let known: CatalogService?
    let old: PlacedService?
    /// By people.
    let drained: Set<String>
    /// What the document named before.
    let formerly: Set<String>
    let window: (pools: PoolWindow, uptime: Duration)?

    private var service: VirtualService { entry.service }
    private var own: Set<String> { Set(entry.backends.map(\.name)) }

    func resolve(_ resolution: inout ResolvedState) {
        var found = Found()
        if let reading = known?.suspect ?? known?.reading {
            found = take(reading, &resolution.problems)
            if let held = hold(&found) { resolution.held.append(held) }
            resolution.routes[service.name] = reading.routes
        } else {
            resolution.unread.append(service.name)
            found.backends = kept.filter { !own.contains($0.name) }
            resolution.routes[service.name] = old?.routes
        }
        let all = entry.backends + found.backends
        // A service none of whose backends takes anything would keep the whole generation from being one.
        let takes = all.contains { $0.weight > 0 }
        resolution.desired.entries.append(.init(service: service, backends: takes ? all : []))
        resolution.overrides += found.draining.sorted().map {
            Override(service: service.name, backend: $0, author: "catalog", reason: "maintenance")
        }
    }

    private struct Found {
        var backends: [Backend] = []
        var draining: Set<String> = []
    }

    /// The active ones of the previous generation.
    private var kept: [Backend] { old?.backends.filter { $0.state == .active }.map(\.backend) ?? [] }

    private func take(_ reading: ServiceReading, _ problems: inout [String]) -> Found {
        var found = Found()
        var names = own
        var room = service.tableSize.slots - entry.backends.count { $0.weight > 0 }
        for instance in reading.instances {
            var backend = instance.backend
            if instance.state == .out { backend.weight = 0 }
            let place = "service \(service.name): instance \(instance.name)"
            guard names.insert(instance.name).inserted else {
                problems.append("\(place): the document has a backend of this name")
                continue
            }
            if let fault = service.problems(of: backend).first {
                problems.append("\(place): \(fault.message)")
                continue
            }
            room -= backend.weight > 0 ? 1 : 0
            guard room >= 0 else {
                problems.append("\(place): the table of \(service.tableSize.slots) slots is full")
                continue
            }
            found.backends.append(backend)
            if instance.state == .draining { found.draining.insert(instance.name) }
        }
        return found
    }

    /// Puts back what may not be taken away.
    private func hold(_ found: inout Found) -> HeldBack? {
        let takers = Set((entry.backends + found.backends).filter { $0.weight > 0 }.map(\.name))
            .subtracting(found.draining).subtracting(drained)
        let active = old?.members.map(\.name) ?? []
        let removed = active.filter {
            !takers.contains($0) && !drained.contains($0) && !(formerly.contains($0) && !own.contains($0))
                && !own.contains($0)
        }
        let brake = service.brake
        let most = mostWithinWindow
        let isTooLittle = takers.count * 100 < (100 - brake.maximumRemoved) * most
        guard !removed.isEmpty,
            takers.count < brake.minimumActive || removed.count * 100 > brake.maximumRemoved * active.count
                || isTooLittle
        else { return nil }
        let names = Set(removed)
        found.draining.subtract(names)
        found.backends = found.backends.filter { !names.contains($0.name) } + kept.filter { names.contains($0.name) }
        return HeldBack(
            service: service.name, backends: removed.sorted(), left: takers.count, active: max(active.count, most))
    }

    /// Of the catalog's the most that there were of late, and what the document has now: what people take away does not
    /// count.
    private var mostWithinWindow: Int {
        guard let window else { return 0 }
        let own = entry.backends.filter { $0.weight > 0 && !drained.contains($0.name) }
        let people = drained.union(formerly).union(own.map(\.name))
        return own.count + window.pools.most(of: service.name, less: people, at: window.uptime)
    }
}
