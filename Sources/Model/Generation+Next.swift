// SPDX-License-Identifier: Apache-2.0

extension Generation {
    /// The generation that follows: what is desired, with the ids, places and drains that the previous one carried.
    /// Pure: the same input gives the same generation on every host.
    ///
    /// - A backend keeps its id as long as service, name and address stay; another address under the same name is
    ///   another backend, beside which the old one drains.
    /// - A backend that is gone from `desired`, or that an override names, drains from `now` and is left out when the
    ///   service's `drain` has passed. One that an override keeps from ever being active is not placed.
    /// - A backend that comes back before its deadline is active again, with its id.
    /// - A removed service is gone at once. A new one, and one whose table's size changes, starts settled.
    /// - No id and no granule that the previous generation used for something else is given.
    ///
    /// - Parameters:
    ///   - overrides: an expired one is ignored, as is one that names nothing.
    ///   - settledServices: names of services whose slots every host reports settled under `previous`: their `settled`
    ///     becomes what `previous` had as members.
    ///   - seed: the fleet's secret; another one than before is a full remap of all flows.
    ///   - now: UTC, seconds since 1970.
    ///   - predecessor: SHA-256 of the previous manifest, which Model cannot take.
    ///   - allowingEmpty: lets a service that had active backends have none, which is otherwise held back; so does a
    ///     brake that holds nothing (`min-active: 0`, `max-removed: 100%`).
    ///   - other: another line of generations that some hosts follow at this time. What is the same in both has one id
    ///     and one place, what is not has none that the other uses, and the number is above those of both.
    ///   - routes: of each service, where every host reads them.
    ///   - absorbing: hosts of the other line come over to this one: backends of the other alone drain here.
    /// - Returns: nil when services, seed and routing are as they were.
    /// - Throws: everything that is wrong with `desired`, or does not fit beside `previous`.
    public static func next(
        desired: DesiredState, overrides: [Override] = [], previous: Generation?, settledServices: Set<String> = [],
        epoch: UInt64, seed: UInt64, now: Int64, predecessor: String? = nil, allowingEmpty: Bool = false,
        beside other: Generation? = nil, absorbing: Bool = false, routes: [String: [CatalogRoute]] = [:]
    ) throws(ValidationError) -> Generation? {
        let step = try step(
            desired: desired, overrides: overrides, previous: previous, settledServices: settledServices, epoch: epoch,
            seed: seed, now: now, predecessor: predecessor, allowingEmpty: allowingEmpty, beside: other,
            absorbing: absorbing, routes: routes)
        if let error = step.refusal { throw error }
        return step.generation
    }

    /// The generation that follows, where no service stands in the way of the others.
    public struct Step: Hashable, Sendable {
        /// Nil when services, seed and routing are as they were.
        public let generation: Generation?
        /// Services that would have no active backend left, and keep what they have.
        public let held: [Emptied]

        /// For a person who asks for it; nil where nothing is held back.
        public var refusal: ValidationError? { ValidationError(held.map(\.problem)) }
    }

    /// As `next`, but a service that would have no active backend left keeps those that it has, and is named.
    public static func step(
        desired: DesiredState, overrides: [Override] = [], previous: Generation?, settledServices: Set<String> = [],
        epoch: UInt64, seed: UInt64, now: Int64, predecessor: String? = nil, allowingEmpty: Bool = false,
        beside other: Generation? = nil, absorbing: Bool = false, routes: [String: [CatalogRoute]] = [:]
    ) throws(ValidationError) -> Step {
        var problems = desired.problems
        if let error = ValidationError(problems) { throw error }

        var placement = Placement(after: previous, beside: other)
        let drained = Overrides(overrides, now: now)
        var services: [PlacedService] = []
        var held: [Emptied] = []
        let entries = desired.entries.sorted { NameHash.precedes($0.service.name, $1.service.name) }
        for entry in entries {
            let old = previous?.service(named: entry.service.name)
            var step = ServiceStep(
                entry: entry, old: old, twin: other?.service(named: entry.service.name), absorbing: absorbing,
                settles: settledServices.contains(entry.service.name), drained: drained, now: now)
            if !allowingEmpty, let emptied = step.emptied {
                held.append(emptied)
                step.keep()
            }
            var service = step.next(&placement)
            service.routes = routes[entry.service.name] ?? []
            services.append(service)
        }
        problems += placement.problems
        // Of what was held back the old policy stands.
        problems += desired.routing.problems(beside: services.map(\.service))
        let number = max(previous?.number ?? 0, other?.number ?? 0) + 1
        if max(epoch, number) > UInt64(CanonicalValue.integers.upperBound) {
            problems.append(.init(.limit, "", "epoch \(epoch), number \(number): 2^53 - 1 is the last"))
        }
        if let error = ValidationError(problems) { throw error }

        if let previous, previous.services == services, previous.seed == seed, previous.routing == desired.routing {
            return Step(generation: nil, held: held)
        }
        let generation = Generation(
            epoch: epoch, number: number, predecessor: predecessor, seed: seed,
            nextBackendID: placement.nextBackendID, services: services, routing: desired.routing)
        return Step(generation: generation, held: held)
    }

    /// When `next` would next have something to do though nothing else changes: the earliest end of a drain or of an
    /// override.
    ///
    /// - Returns: UTC, seconds since 1970; nil if nothing ends.
    public func nextDeadline(overrides: [Override] = [], after now: Int64) -> Int64? {
        let drains = services.flatMap { service in
            service.backends.compactMap { $0.drainDeadline(after: service.service.drain) }
        }
        return (drains + overrides.compactMap(\.expiry).filter { $0 > now }).min()
    }

    public func service(named name: String) -> PlacedService? {
        services.first { $0.service.name == name }
    }
}

/// A service that had backends for new flows and would have none.
public struct Emptied: Hashable, Sendable {
    public let service: String
    /// How many it has.
    public let active: Int

    var problem: ValidationError.Problem {
        ValidationError.Problem(
            .brake, "service \(service)", "would have no active backend left of \(active): held back")
    }
}

extension PlacedBackend {
    /// When it is left out: UTC, seconds since 1970; nil while active.
    public func drainDeadline(after drain: Duration) -> Int64? {
        let (seconds, attoseconds) = drain.components
        return drainingSince.map { $0 + seconds + (attoseconds > 0 ? 1 : 0) }
    }
}

/// Which backends a person made drain.
private struct Overrides {
    private struct Key: Hashable {
        let service: String
        let backend: String
    }

    private let keys: Set<Key>

    init(_ overrides: [Override], now: Int64) {
        keys = Set(
            overrides.lazy.filter { $0.expiry.map { $0 > now } ?? true }
                .map { Key(service: $0.service, backend: $0.backend) })
    }

    func contains(service: String, backend: String) -> Bool {
        keys.contains(Key(service: service, backend: backend))
    }
}

/// One service from the previous generation to the next.
private struct ServiceStep {
    var entry: DesiredState.Entry
    let old: PlacedService?
    /// The same service in the other line.
    let twin: PlacedService?
    let absorbing: Bool
    let settles: Bool
    var drained: Overrides
    let now: Int64

    private var service: VirtualService { entry.service }

    /// Whether it would lose all its backends for new flows, though its brake holds something.
    var emptied: Emptied? {
        let brake = service.brake
        guard let old, !old.members.isEmpty, brake.minimumActive > 0 || brake.maximumRemoved < 100,
            !entry.backends.contains(where: {
                $0.weight > 0 && !drained.contains(service: service.name, backend: $0.name)
            })
        else { return nil }
        return Emptied(service: service.name, active: old.members.count)
    }

    /// Makes it what it is, under the policy that it is to have where that goes together.
    mutating func keep() {
        guard let old else { return }
        let active = old.backends.filter { $0.state == .active }.map(\.backend)
        let fitting = active.filter { entry.service.problems(of: $0).isEmpty }
        let policy = fitting.contains { $0.weight > 0 } ? entry.service : old.service
        entry = .init(service: policy, backends: policy == old.service ? active : fitting)
        drained = Overrides([], now: now)
    }

    func next(_ placement: inout Placement) -> PlacedService {
        let keepsTable = old?.service.tableSize == service.tableSize
        let kept = keepsTable ? old : nil
        var placed = PlacedService(
            id: old?.id ?? twin?.id ?? placement.newService(service.name),
            table: kept?.table ?? twinTable ?? placement.newTable(service.tableSize, for: service.name),
            service: service, backends: backends(&placement))
        if let kept {
            placed.settled = settles ? kept.members : kept.settled
        } else {
            placed.settled = placed.members
        }
        return placed
    }

    private var twinTable: UInt16? { twin?.service.tableSize == service.tableSize ? twin?.table : nil }

    /// By name, under one name by id.
    private func backends(_ placement: inout Placement) -> [PlacedBackend] {
        var leaving: [Identity: PlacedBackend] = [:]
        var twins: [Identity: PlacedBackend] = [:]
        for placed in twin?.backends ?? [] { twins[Identity(placed.backend)] = placed }
        if absorbing { leaving = twins }
        for placed in old?.backends ?? [] { leaving[Identity(placed.backend)] = placed }
        var backends: [PlacedBackend] = []
        let wanted = entry.backends.sorted { NameHash.precedes($0.name, $1.name) }
        for backend in wanted {
            let carried = leaving.removeValue(forKey: Identity(backend))
            if drained.contains(service: service.name, backend: backend.name) {
                if let carried, let placed = draining(carried, as: backend) { backends.append(placed) }
            } else {
                let twin = twins[Identity(backend)]
                let id = carried?.id ?? twin?.id ?? placement.newBackend(backend.name, of: service.name)
                backends.append(PlacedBackend(id: id, backend: backend))
            }
        }
        backends += leaving.values.compactMap { draining($0, as: $0.backend) }
        return backends.sorted { NameHash.precedes($0.backend.name, $0.id, $1.backend.name, $1.id) }
    }

    /// Nil when its deadline has come, or when the service has changed so that its packets cannot be carried there any
    /// more.
    private func draining(_ placed: PlacedBackend, as backend: Backend) -> PlacedBackend? {
        guard service.problems(of: backend).isEmpty else { return nil }
        var placed = placed
        placed.backend = backend
        if placed.state == .active {
            placed.state = .draining
            placed.drainingSince = now
        }
        if let deadline = placed.drainDeadline(after: service.drain), now >= deadline { return nil }
        return placed
    }
}

/// What makes a backend the same one in the next generation.
private struct Identity: Hashable {
    let name: String
    let address: IPAddress

    init(_ backend: Backend) {
        name = backend.name
        address = backend.address
    }
}
