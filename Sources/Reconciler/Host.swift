// SPDX-License-Identifier: Apache-2.0

import Model

/// Decides what this host persists and applies: a machine that is told what happened and answers what to do.
///
/// It never goes back: a generation below its high-water mark is refused, whoever published it. Whole values only: of
/// several that came while one was at work the last one counts.
public struct Host: Sendable {
    public enum Event: Sendable {
        case started
        /// Seen in a store, which nobody else has where it has no identity.
        case offered(Publication, by: FleetIdentity? = nil)
        /// The fleet's rollout as it is now; nil where there is none.
        case rollout(HostRollout?)
        case persisted(Mark)
        case persistFailed(String)
        case down(Set<BackendName>)
        case nextHops([IPAddress: NextHop])
        case applied(AppliedReport)
        case applyFailed(String)
        case settled(Set<String>)
        case settleFailed(String)
        /// What differs between the kernel and the order that was carried out last.
        case verified([String])
        case verifyFailed(String)
        /// Something outside may have undone what was applied: an interface came back, a map differs.
        case disturbed
        case tick
    }

    public enum Action: Hashable, Sendable {
        case persist(Publication)
        /// Persist a canary, with what to go back to.
        case persistCanary(Publication, Unconfirmed)
        /// Persist that this host went back to a generation below its high-water mark; what runs does not wait for it.
        case recall(Publication, keeping: Mark)
        /// Persist whose store this host follows.
        case adopt(FleetIdentity)
        /// Tell probes and next hops what to look at.
        case watch(Generation, down: Set<BackendName>)
        case apply(Order)
        /// Persist the down set; what runs does not wait for it.
        case remember([BackendName: Int64])
        case settle
        /// Compare the kernel with this order.
        case verify(Order)
        /// Tell the leader which services are settled.
        case report(Set<String>, under: Mark)
        /// Nothing to do before this uptime unless something happens.
        case wait(until: Duration?)
    }

    /// How often a host that is wholly settled settles again, which sweeps its records.
    static let sweepInterval = Duration.seconds(3600)

    /// How soon maps that differed are looked at again.
    static let secondLook = Duration.seconds(5)

    /// So long beyond its time an unconfirmed canary is kept, as a leader may be slow to say how it ended.
    static let grace = Duration.seconds(30)

    /// So long a generation waits for the next hops of its new backends.
    public static let patience = Duration.seconds(2)

    /// What the host is, apart from what it has under way.
    public internal(set) var highWater: Mark?
    public internal(set) var down: [BackendName: Int64]
    public internal(set) var applied: (order: Order, report: AppliedReport, at: Int64)?
    public internal(set) var settledServices: Set<String> = []
    public internal(set) var counts = Counts()
    public internal(set) var problems = Problems()

    /// Whose store it follows; nil before the first.
    public internal(set) var identity: FleetIdentity?
    /// What it goes back to when nobody confirms the canary that it runs.
    public internal(set) var unconfirmed: Unconfirmed?
    /// The rollout that it left by its own timer.
    public internal(set) var abandoned: String?
    /// What differed when the kernel was looked at last.
    public internal(set) var difference: String?

    /// What every host follows, as seen last.
    var offered: (publication: Publication, identity: FleetIdentity?)?
    /// Looked at last: what is offered again says nothing new.
    var judged: (mark: Mark, identity: FleetIdentity?)?
    /// Nil before the fleet's rollout was read the first time; a host alone has none.
    var rollout: HostRollout??
    /// When this host goes back by itself.
    var deadline: Duration?
    let verifyInterval: Duration?
    var verifyAt: Duration?
    var verifying: Order?

    /// Above the high-water mark, not yet persisted.
    var newest: Publication?
    var persisting: Publication?
    var persistBackOff = BackOff(first: .milliseconds(500), longest: .seconds(30))
    /// Persisted, waiting for next hops until then.
    var held: (publication: Publication, until: Duration)?
    /// What orders are made of.
    var target: Publication?
    var nextHops: [IPAddress: NextHop] = [:]
    var attempted: Order?
    var isApplying = false
    var mustRepeat = false
    var applyBackOff = BackOff(first: .milliseconds(500), longest: .seconds(30))
    var settlingUnder: Mark?
    var settleAt: Duration?

    public struct Counts: Hashable, Sendable {
        /// Pairs that were seen with two digests.
        public var forks: UInt64 = 0
        /// Generations below the high-water mark.
        public var refused: UInt64 = 0
        /// Generations that do not name the one that this host has as their predecessor.
        public var wrongPredecessors: UInt64 = 0
        public var failedApplies: UInt64 = 0
        /// Times that the kernel's maps were other than they should be.
        public var mismatches: UInt64 = 0
    }

    /// The last problem of each kind; nil where the last try went well.
    public struct Problems: Hashable, Sendable {
        public var offer: String?
        public var persist: String?
        public var apply: String?
        public var settle: String?
        public var verify: String?

        public var all: [String] { [offer, persist, apply, settle, verify].compactMap(\.self) }
    }

    /// A host as it was when it was last heard of.
    ///
    /// - Parameters:
    ///   - inFleet: it takes nothing from the store before it knows the fleet's rollout.
    ///   - verifyInterval: how often the kernel is compared with what it was given; nil: never.
    public init(
        kept: Publication? = nil, highWater: Mark? = nil, down: [BackendName: Int64] = [:],
        unconfirmed: Unconfirmed? = nil, identity: FleetIdentity? = nil, inFleet: Bool = false,
        verifyInterval: Duration? = nil
    ) {
        self.highWater = highWater
        self.down = down
        self.unconfirmed = unconfirmed
        self.identity = identity
        self.verifyInterval = verifyInterval
        rollout = inFleet ? nil : .some(nil)
        if let kept {
            // Persisted but its mark was not, or the other way round: the higher one is the truth.
            self.highWater = highWater.map { kept.mark.isAbove($0) ? kept.mark : $0 } ?? kept.mark
            target = nil
            held = (kept, .zero)
        }
    }

    public mutating func handle(_ event: Event, at now: Moment) -> [Action] {
        absorb(event, at: now) + decide(at: now)
    }

    /// What this host runs or is about to run.
    public var current: Publication? { held?.publication ?? target }

    /// Services whose brake holds the down set back.
    public var isolated: [String] {
        guard let target, !down.isEmpty else { return [] }
        let ids = downIDs(in: target.generation)
        return target.generation.services.filter { $0.activeMembers(less: ids).isolated }.map(\.service.name)
    }
}

// MARK: - What is taken in

extension Host {
    private mutating func absorb(_ event: Event, at now: Moment) -> [Action] {
        switch event {
        case .started: return start(at: now)
        case .offered(let publication, let identity):
            offered = (publication, identity)
            return judge(at: now)
        case .rollout(let seen): return follow(seen, at: now)
        case .persisted: return persisted(at: now)
        case .persistFailed(let cause): persistFailed(cause, at: now)
        case .down(let names): return remember(names, at: now)
        case .nextHops(let known): nextHops = known
        case .applied(let report): applied(report, at: now)
        case .applyFailed(let cause): applyFailed(cause, at: now)
        case .settled(let services): return settled(services, at: now)
        case .settleFailed(let cause):
            problems.settle = cause
            settlingUnder = nil
        case .verified(let differences): verified(differences, at: now)
        case .verifyFailed(let cause):
            problems.verify = cause
            verifying = nil
        case .disturbed: mustRepeat = true
        case .tick: break
        }
        return []
    }

    private mutating func start(at now: Moment) -> [Action] {
        guard let kept = held?.publication else { return [] }
        if let unconfirmed { deadline = now.uptime + .seconds(unconfirmed.remaining) + Self.grace }
        held = (kept, now.uptime + Self.patience)
        return [.watch(kept.generation, down: Set(down.keys))]
    }

    /// Takes it where it is above all that this host has seen.
    mutating func judge(_ publication: Publication) {
        let mark = publication.mark
        let highest = newest ?? persisting
        guard let known = highest?.mark ?? highWater else {
            newest = publication
            return
        }
        if mark.forks(from: known) {
            counts.forks += 1
            problems.offer = "generation \(mark) is a fork of \(known), which is kept"
        } else if mark == known {
            problems.offer = nil
            // The mark outlived the generation itself.
            if highest == nil, current == nil { newest = publication }
        } else if mark.isAbove(known) {
            let follows = publication.generation.predecessor == known.digest
            if mark.number == known.number + 1, !follows {
                counts.wrongPredecessors += 1
                // It follows another of that epoch and number; a canary's line alone has numbers beside the fleet's.
                if mark.epoch == known.epoch, confirmed?.mark == known { counts.forks += 1 }
            }
            problems.offer = nil
            newest = publication
        } else if let highWater, highWater.isAbove(mark) {
            counts.refused += 1
            problems.offer = "generation \(mark) is below \(highWater), which this host has seen: refused"
        }
    }

    private mutating func persisted(at now: Moment) -> [Action] {
        guard let publication = persisting else { return [] }
        persisting = nil
        persistBackOff.succeeded()
        problems.persist = nil
        highWater = publication.mark
        confirm(publication, at: now)
        // Generations that follow each other closely do not put each other off.
        held = (publication, min(held?.until ?? .seconds(Int64.max), now.uptime + Self.patience))
        return [.watch(publication.generation, down: Set(down.keys))]
    }

    private mutating func persistFailed(_ cause: String, at now: Moment) {
        // A newer one may have come meanwhile and takes its place.
        newest = newest ?? persisting
        persisting = nil
        problems.persist = cause
        persistBackOff.failed(at: now.uptime)
    }

    private mutating func remember(_ names: Set<BackendName>, at now: Moment) -> [Action] {
        guard names != Set(down.keys) else { return [] }
        let before = down
        down = Dictionary(uniqueKeysWithValues: names.map { ($0, before[$0] ?? now.utc) })
        return [.remember(down)]
    }

    private mutating func applied(_ report: AppliedReport, at now: Moment) {
        isApplying = false
        problems.apply = nil
        if report.isComplete {
            applyBackOff.succeeded()
        } else {
            mustRepeat = true
            applyBackOff.failed(at: now.uptime)
        }
        guard let attempted else { return }
        if let before = applied, before.order == attempted, !before.report.isComplete {
            // Another try at what was left out changes no slot: it must not put off settling.
            applied = (attempted, report, before.at)
            return
        }
        applied = (attempted, report, now.utc)
        settledServices = []
        // A change does not put it off: else a backend that flaps would keep all slots unsettled for good.
        let next = now.uptime + settleInterval
        settleAt = min(settleAt ?? next, next)
        verifyAt = verifyAt ?? verifyInterval.map { now.uptime + $0 }
    }

    private mutating func applyFailed(_ cause: String, at now: Moment) {
        isApplying = false
        mustRepeat = true
        counts.failedApplies += 1
        problems.apply = cause
        applyBackOff.failed(at: now.uptime)
    }

    private mutating func settled(_ services: Set<String>, at now: Moment) -> [Action] {
        guard let mark = settlingUnder else { return [] }
        settlingUnder = nil
        problems.settle = nil
        guard let applied, applied.order.publication.mark == mark, !isApplying else { return [] }
        settledServices = services
        let all = applied.order.publication.generation.services.map(\.service.name)
        // Settled slots need no looking after, but old records must be swept before their age begins to look young.
        if services.isSuperset(of: all) { settleAt = now.uptime + Self.sweepInterval }
        return [.report(services, under: mark)]
    }
}
