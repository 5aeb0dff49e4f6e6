// SPDX-License-Identifier: Apache-2.0

import Model

// What a leader does next, given all that it knows.
extension Leader {
    mutating func decide(at now: Moment) -> Action {
        guard let epoch, !isBusy else { return .wait(until: nil) }
        if let challenge = register.challenge(to: epoch, published: ownDigests) {
            stepDown(challenge)
            return .stand
        }
        if backOff.allows(at: now.uptime), let action = nextAction(in: epoch, at: now) {
            isBusy = true
            return action
        }
        if let action = nextChore(in: epoch, at: now) { return action }
        guard backOff.allows(at: now.uptime) else { return .wait(until: backOff.notBefore) }
        return .wait(until: nextWake(after: now))
    }

    private mutating func stepDown(_ challenge: HostRegister.Challenge) {
        epoch = nil
        switch challenge {
        case .later(let cause): problem = "steps down: \(cause)"
        case .fork(let cause):
            // The host that has the other one may never be offered this one: it is counted here.
            forks += 1
            problem = "steps down: \(cause)"
        }
    }

    private mutating func nextAction(in epoch: UInt64, at now: Moment) -> Action? {
        guard rollout.document.frozen == nil else { return nil }
        if let action = rolloutAction(in: epoch, at: now) { return action }
        guard let generation = candidate(in: epoch, at: now), !isDeleting(from: generation),
            pace.allows(generation.pace(after: previous?.generation), at: now.uptime)
        else { return nil }
        return publish(generation, at: now)
    }

    /// All that a catalog is asked for.
    var queries: Set<CatalogQuery> {
        let wishes = [desired, proposed, rollout.document.rollout?.isOver == false ? rollout.wish : nil]
        return Set(wishes.compactMap(\.self).flatMap(\.state.entries).compactMap(\.query))
    }

    func isOpen(_ key: FleetKey) -> Bool { !overtaken.contains(key) }

    // MARK: - Generations

    mutating func publish(_ generation: Generation, at now: Moment) -> Action {
        attempts.append(generation)
        pace.published(generation.pace(after: previous?.generation), at: now.uptime)
        return .publish(generation, expecting: stored)
    }

    private mutating func candidate(in epoch: UInt64, at now: Moment) -> Generation? {
        if let wish = proposed {
            do {
                let next = try generation(of: wish, in: epoch, at: now)
                desired = wish
                proposed = nil
                problem = nil
                return next
            } catch {
                problem = "\(error)"
            }
        }
        // What ran before the bad document goes on, and its drains still end.
        guard let desired else { return nil }
        do {
            return try generation(of: desired, in: epoch, at: now)
        } catch {
            problem = "\(error)"
            return nil
        }
    }

    mutating func generation(
        of wish: Wish, in epoch: UInt64, at now: Moment
    ) throws(ValidationError) -> Generation? {
        let resolution = resolve(wish, after: previous, at: now)
        let next = try following(resolution, in: epoch, at: now, absorbing: isOrphaned)
        held = resolution.held + next.held.map { HeldBack($0) }
        (unread, instanceProblems) = (resolution.unread, resolution.problems)
        if let next = next.generation { return next }
        // Nothing changed, but the store has lost it or is behind: the same content as a new generation.
        guard let previous, stored != previous.mark || isBehind || isOrphaned else { return nil }
        return again(previous, in: epoch)
    }

    func resolve(_ wish: Wish, after line: Publication?, at now: Moment) -> ResolvedState {
        wish.state.resolved(
            by: catalog, overrides: overrides, after: line?.generation, before: made ?? desired?.state,
            window: (pools, now.uptime), now: now.utc)
    }

    func following(
        _ resolution: ResolvedState, in epoch: UInt64, at now: Moment, absorbing: Bool = false
    ) throws(ValidationError) -> Generation.Step {
        let step = try Generation.step(
            desired: resolution.desired, overrides: resolution.overrides, previous: previous?.generation,
            settledServices: settledServices(at: now), epoch: epoch,
            seed: (previous ?? canaryLine)?.generation.seed ?? seed,
            now: now.utc, predecessor: previous?.digest, beside: canaryLine?.generation, absorbing: absorbing,
            routes: routes(of: resolution, at: now))
        if let next = step.generation, let refusal = unreadable(next, at: now) { throw refusal }
        return step
    }

    /// What a living host could not read is not published: it would serve the old content for ever.
    func unreadable(_ next: Generation, at now: Moment) -> ValidationError? {
        // Where the fleet is there already, such a host came later, and holds nobody back.
        guard next.schema > max(2, previous?.generation.schema ?? 0),
            let lowest = register.lowestSchema(at: now.uptime), lowest < Int64(next.schema)
        else { return nil }
        let need = "generations of schema \(next.schema), and a host of the fleet reads \(lowest): upgrade it first"
        guard next.routing.isEmpty else {
            return ValidationError([.init(.value, "listeners and routes", "they need \(need)")])
        }
        let names = next.services.filter { $0.service.forwarding == .sockets }.map(\.service.name)
        return ValidationError([
            .init(.value, "services \(names.joined(separator: ", "))", "forward sockets needs \(need)")
        ])
    }

    /// None while a host lives that could not read them: the whole fleet gets the lowest schema of all.
    func routes(of resolution: ResolvedState, at now: Moment) -> [String: [CatalogRoute]] {
        (register.lowestSchema(at: now.uptime) ?? Int64(Generation.schema)) < 2 ? [:] : resolution.routes
    }

    /// The same content under the next number.
    func again(_ publication: Publication, in epoch: UInt64) -> Generation {
        var again = publication.generation
        again.epoch = epoch
        again.number = max(again.number, canaryLine?.generation.number ?? 0) + 1
        again.predecessor = publication.digest
        return again
    }

    /// Whether hosts have seen more than this leader knows of, or what they have seen was in another store: they take
    /// nothing that is not above.
    private var isBehind: Bool {
        let known = [previous?.mark, canaryLine?.mark].compactMap(\.self)
        guard let newest = known.first else { return false }
        return register.isAhead(of: known) || newest.epoch != epoch && register.isElsewhere(than: identity)
    }

    /// A report that was made under another generation says nothing of this one's slots.
    private func settledServices(at now: Moment) -> Set<String> {
        guard let mark = previous?.mark else { return [] }
        if let all = register.settled(under: mark, at: now.uptime) { return all }
        guard let settled, settled.under == mark else { return [] }
        return settled.services
    }

    /// What stands against a document as things are; changes nothing.
    public func check(_ document: DesiredState, at now: Moment) throws(ValidationError) {
        let resolution = resolve(Wish(state: document), after: previous, at: now)
        let step = try following(resolution, in: epoch ?? 0, at: now)
        if let error = step.refusal { throw error }
    }

    // MARK: - Time

    private func nextWake(after now: Moment) -> Duration {
        let wakes = [
            deadline(after: now), rolloutWake(after: now), pacedWake(after: now), chores.wake(after: now.uptime),
        ]
        return wakes.compactMap(\.self).min() ?? now.uptime + Self.longestWait
    }

    private func pacedWake(after now: Moment) -> Duration? {
        let slides = held.isEmpty ? nil : pools.nextChange(after: now.uptime)
        let keep = nextKeep.flatMap { $0 > now.uptime ? $0 : nil }
        return [pace.wake(after: now.uptime), keep, slides].compactMap(\.self).min()
    }

    /// When time alone could change the generation: a drain or an override ends, or a host is not waited for any more.
    private func deadline(after now: Moment) -> Duration {
        let end = previous?.generation.nextDeadline(overrides: overrides, after: now.utc)
        let wait = end.map { Duration.seconds(max(1, $0 - now.utc)) } ?? Self.longestWait
        return now.uptime + min(wait, Self.longestWait)
    }
}
