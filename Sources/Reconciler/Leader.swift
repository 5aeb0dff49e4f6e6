// SPDX-License-Identifier: Apache-2.0

import Model

/// Decides when which generation is published: a machine that is told what happened and answers what to do.
///
/// It is told everything on every host, and acts only between `elected` and a refusal.
public struct Leader: Sendable {
    public enum Event: Sendable {
        /// This host leads in this epoch; what the store holds, and what this host persisted last.
        case elected(epoch: UInt64, stored: Publication?, kept: Publication?)
        case desired(DesiredState)
        case overrides([Override])
        /// The services all of whose slots are settled on every live host, as seen while `under` was applied.
        case settled(Set<String>, under: Mark)
        case published(Publication)
        /// The store refused: another leads, or the store was changed behind this leader's back.
        case refused(String)
        /// The write failed and changed nothing.
        case failed(String)
        /// The leadership is over, though no write was refused.
        case lost
        case tick
    }

    public enum Action: Hashable, Sendable {
        case publish(Generation, expecting: Mark?)
        /// Leads no more: stand for election again.
        case stand
        /// Nothing to do before this uptime unless something happens.
        case wait(until: Duration?)
    }

    /// At most one generation in this time.
    public static let pace = Duration.seconds(1)
    /// Deadlines are in UTC, which may jump: it is looked at so often.
    static let longestWait = Duration.seconds(60)

    public private(set) var epoch: UInt64?
    /// What the last document did not pass, or the last publication failed of.
    public private(set) var problem: String?
    public private(set) var fenced: UInt64 = 0

    private let seed: UInt64
    private var desired: DesiredState?
    /// A document that has not yet made a generation: takes the place of `desired` when it does.
    private var proposed: DesiredState?
    private var overrides: [Override] = []
    private var settled: (services: Set<String>, under: Mark)?
    private var previous: Publication?
    private var stored: Mark?
    private var isPublishing = false
    private var nextPublish: Duration?
    private var backOff = BackOff(first: .seconds(1), longest: .seconds(30))

    /// `seed` is the fleet's secret for its first generation; later ones carry it on.
    public init(seed: UInt64) { self.seed = seed }

    public mutating func handle(_ event: Event, at now: Moment) -> Action {
        switch event {
        case .elected(let epoch, let stored, let kept): lead(in: epoch, stored: stored, kept: kept)
        case .desired(let document): proposed = document
        case .overrides(let all): overrides = all
        case .settled(let services, let under): settled = (services, under)
        case .published(let publication): published(publication)
        case .failed(let cause): publishFailed(cause, at: now)
        case .refused(let cause):
            deposed(cause)
            return .stand
        case .lost: epoch = nil
        case .tick: break
        }
        return decide(at: now)
    }
}

extension Leader {
    private mutating func lead(in epoch: UInt64, stored: Publication?, kept: Publication?) {
        self.epoch = epoch
        self.stored = stored?.mark
        isPublishing = false
        backOff.succeeded()
        // A store that was lost or put back in time is behind its own hosts: the higher one goes on.
        previous = stored
        if let kept, stored.map({ kept.mark.isAbove($0.mark) }) ?? true { previous = kept }
        if desired == nil, proposed == nil, let previous {
            desired = DesiredState(asOf: previous.generation, overrides: overrides)
        }
    }

    private mutating func published(_ publication: Publication) {
        isPublishing = false
        previous = publication
        stored = publication.mark
        backOff.succeeded()
        if proposed == nil { problem = nil }
    }

    private mutating func publishFailed(_ cause: String, at now: Moment) {
        isPublishing = false
        problem = cause
        backOff.failed(at: now.uptime)
    }

    private mutating func deposed(_ cause: String) {
        epoch = nil
        isPublishing = false
        fenced += 1
        problem = cause
    }

    private mutating func decide(at now: Moment) -> Action {
        guard let epoch, !isPublishing else { return .wait(until: nil) }
        guard backOff.allows(at: now.uptime) else { return .wait(until: backOff.notBefore) }
        if let nextPublish, now.uptime < nextPublish { return .wait(until: nextPublish) }
        guard let generation = candidate(in: epoch, at: now) else { return .wait(until: deadline(after: now)) }
        isPublishing = true
        nextPublish = now.uptime + Self.pace
        return .publish(generation, expecting: stored)
    }

    private mutating func candidate(in epoch: UInt64, at now: Moment) -> Generation? {
        if let document = proposed {
            do {
                let next = try generation(of: document, in: epoch, at: now)
                desired = document
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

    private func generation(
        of desired: DesiredState, in epoch: UInt64, at now: Moment
    ) throws(ValidationError) -> Generation? {
        let next = try Generation.next(
            desired: desired, overrides: overrides, previous: previous?.generation, settledServices: settledServices,
            epoch: epoch, seed: previous?.generation.seed ?? seed, now: now.utc, predecessor: previous?.digest)
        if let next { return next }
        // Nothing changed, but the store has lost it or is behind: the same content as a new generation.
        guard let previous, stored != previous.mark else { return nil }
        var again = previous.generation
        again.epoch = epoch
        again.number += 1
        again.predecessor = previous.digest
        return again
    }

    /// A report that was made under another generation says nothing of this one's slots.
    private var settledServices: Set<String> {
        guard let settled, settled.under == previous?.mark else { return [] }
        return settled.services
    }

    /// When time alone could change the generation: a drain or an override ends.
    private func deadline(after now: Moment) -> Duration {
        let end = previous?.generation.nextDeadline(overrides: overrides, after: now.utc)
        let wait = end.map { Duration.seconds(max(1, $0 - now.utc)) } ?? Self.longestWait
        return now.uptime + min(wait, Self.longestWait)
    }

    /// What stands against a document as things are; changes nothing.
    public func check(_ document: DesiredState, at now: Moment) throws(ValidationError) {
        _ = try generation(of: document, in: epoch ?? 0, at: now)
    }
}

extension DesiredState {
    /// What must have been desired for this generation: a leader's document until it reads a better one.
    ///
    /// A draining backend is there because of an override, or because it was taken out of the document.
    init(asOf generation: Generation, overrides: [Override]) {
        let exceptions = Set(overrides.map { BackendName(service: $0.service, backend: $0.backend) })
        self.init(
            entries: generation.services.map { placed in
                let active = placed.backends.filter { $0.state == .active }
                let names = Set(active.map(\.backend.name))
                let drained = placed.backends.filter { one in
                    one.state == .draining && !names.contains(one.backend.name)
                        && exceptions.contains(BackendName(service: placed.service.name, backend: one.backend.name))
                }
                return Entry(service: placed.service, backends: (active + drained).map(\.backend))
            })
    }
}
