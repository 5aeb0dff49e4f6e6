// SPDX-License-Identifier: Apache-2.0

import Logging
import Model

// What others ask of the reconciler.
extension Reconciler {
    /// Proposes a services document; it becomes a generation if it can.
    ///
    /// Throws a `ValidationError` where it cannot: what runs goes on, and the status names the problems until one comes
    /// that can.
    public func propose(_ document: DesiredState) throws {
        do {
            try leader.check(document, at: clock.now)
        } catch {
            note(.document, "\(error)")
            throw error
        }
        note(.document, nil)
        post.yield(.leader(.desired(document)))
    }

    /// Notes what is wrong with a services document that could not even be read; what runs goes on.
    public func reject(_ problems: [String]) {
        note(.document, problems.isEmpty ? nil : problems.joined(separator: "\n"))
    }

    /// Drains a backend; returns when that is on disk.
    ///
    /// Throws a `DrainRefusal` where it does not exist or the service's brake is in the way. `force` passes the brake
    /// down to one active backend; the last one is always kept.
    public func drain(_ override: Override, force: Bool = false) async throws {
        let name = BackendName(service: override.service, backend: override.backend)
        let now = clock.now.utc
        let down = Set(host.down.keys.filter { $0.service == override.service }.map(\.backend))
        if let documents = ports.documents {
            let others = drains.filter { !$0.names(name) && ($0.expiry.map { $0 > now } ?? true) }
            try Self.allow(name, in: try service(of: name), beside: others, down: down, force: force)
            try await write(override, to: documents)
            return
        }
        try await edit { [service = try service(of: name)] drains in
            let others = drains.filter { !$0.names(name) && ($0.expiry.map { $0 > now } ?? true) }
            try Self.allow(name, in: service, beside: others, down: down, force: force)
            return others + [override]
        }
    }

    /// Lifts a drain; returns when that is on disk.
    public func enable(_ name: BackendName) async throws {
        if let documents = ports.documents { return try await lift(name, in: documents) }
        try await edit { drains in
            let others = drains.filter { !$0.names(name) }
            guard others.count < drains.count else { throw DrainRefusal.notDrained(name) }
            return others
        }
    }

    /// Asks that what was applied be applied again: something outside may have undone it.
    public nonisolated func disturbed() { post.yield(.host(.disturbed)) }

    public var status: ReconcilerStatus {
        let applied = host.applied
        let current = host.current?.mark
        let isSettled = host.settledServices
        let services = applied?.order.publication.generation.services ?? []
        var counts = host.counts
        counts.forks += leader.forks
        let problems = troubles.sorted { $0.key < $1.key }.map(\.value) + host.problems.all
        return ReconcilerStatus(
            applied: applied?.order.publication, appliedAt: applied?.at, fleetDigest: applied?.report.fleetDigest,
            pending: current == applied?.order.publication.mark ? nil : current, highWater: host.highWater,
            isLeading: leader.epoch != nil, leaderEpoch: leader.epoch, down: host.down, isolated: host.isolated,
            unsettled: services.map(\.service.name).filter { !isSettled.contains($0) },
            nextHops: applied?.order.nextHops ?? [:], drains: drains, counts: counts, fenced: leader.fenced,
            problems: problems + [leader.problem].compactMap(\.self), warnings: applied?.report.warnings ?? [],
            lastError: lastError, fleet: fleetStatus)
    }

    private var fleetStatus: ReconcilerStatus.Fleet? {
        guard fleet != nil else { return nil }
        let now = clock.now.uptime
        return .init(
            store: host.identity, leaseRemaining: writer?.remaining, frozen: leader.rollout.document.frozen,
            rollout: leader.rollout.document.rollout, held: leader.held,
            reservations: leader.reservations, runsCanary: host.unconfirmed?.rollout,
            hosts: leader.epoch == nil
                ? []
                : leader.register.rows.values.sorted { $0.report.host < $1.report.host }.map {
                    .init(report: $0.report, isLive: leader.register.isLive($0.report.host, at: now))
                })
    }

    private func edit(_ change: @Sendable ([Override]) throws -> [Override]) async throws {
        let edited = try await state.editDrains(change)
        // Two callers may come back in another order than they were served in.
        guard edited.edit > lastEdit else { return }
        lastEdit = edited.edit
        drains = edited.drains
        post.yield(.leader(.overrides(edited.drains)))
    }

    private func service(of name: BackendName) throws -> PlacedService {
        guard let service = host.current?.generation.service(named: name.service) else {
            throw DrainRefusal.unknownService(name.service)
        }
        guard service.backends.contains(where: { $0.backend.name == name.backend }) else {
            throw DrainRefusal.unknownBackend(name)
        }
        return service
    }

    private static func allow(
        _ name: BackendName, in service: PlacedService, beside drains: [Override], down: Set<String>, force: Bool
    ) throws {
        let drained = Set(drains.filter { $0.service == name.service }.map(\.backend))
        // One that probes see down takes nobody's place.
        let active = service.members.map(\.name).filter { !drained.contains($0) && !down.contains($0) }
        let left = active.count { $0 != name.backend }
        let minimum = force ? 1 : max(1, service.service.brake.minimumActive)
        guard left >= minimum || left == active.count else {
            throw DrainRefusal.brake(name, left: left, minimum: minimum)
        }
    }

    // MARK: - A line a change

    func logChanges(from before: Host) {
        journey.look(at: host, at: clock.now.uptime)
        for name in host.down.keys.sorted() where before.down[name] == nil {
            logger.warning("backend down", metadata: ["backend": "\(name)"])
        }
        for name in before.down.keys.sorted() where host.down[name] == nil {
            logger.info("backend up", metadata: ["backend": "\(name)"])
        }
        let mark = host.applied?.order.publication.mark
        if let mark, mark != before.applied?.order.publication.mark {
            let took = journey.text(of: mark, at: clock.now.uptime)
            logger.info("applied", metadata: ["generation": "\(mark)", "took": "\(took ?? "unknown")"])
        }
        let warned = before.applied?.report.warnings ?? []
        for warning in host.applied?.report.warnings ?? [] where !warned.contains(warning) {
            logger.warning("applied, with a reservation", metadata: ["warning": "\(warning)"])
        }
        for problem in host.problems.all where !before.problems.all.contains(problem) {
            lastError = .init(text: problem, at: clock.now.utc)
            logger.warning("not as it should be", metadata: ["problem": "\(problem)"])
        }
        logIsolation()
    }

    private func logIsolation() {
        let now = host.isolated
        guard now != isolated else { return }
        isolated = now
        if now.isEmpty {
            logger.info("no service is isolated any more")
        } else {
            logger.warning("the brake holds the down set back", metadata: ["services": "\(now.joined(separator: " "))"])
        }
    }
}

extension Override {
    fileprivate func names(_ name: BackendName) -> Bool { service == name.service && backend == name.backend }
}
