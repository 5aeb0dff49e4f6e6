// SPDX-License-Identifier: Apache-2.0

import Model

/// The fleet's rollout as one host sees it.
public struct HostRollout: Hashable, Sendable {
    public var rollout: Rollout
    /// Whether it is for this host.
    public var isIncluded: Bool
    /// Its newest generation; nil before there is one.
    public var canary: Publication?
    /// Whose store it was read from.
    public var identity: FleetIdentity?

    public init(_ rollout: Rollout, on host: String, canary: Publication?, identity: FleetIdentity? = nil) {
        self.rollout = rollout
        isIncluded = rollout.includes(host)
        self.canary = canary
        self.identity = identity
    }
}

/// What a host that runs a canary keeps beside it.
public struct Unconfirmed: Hashable, Sendable {
    /// The rollout's id.
    public var rollout: String
    /// Seconds that were left to confirm it.
    public var remaining: Int64
    /// What ran before, which this host goes back to: `Publication.nothing` where nothing did; nil where it is lost, and
    /// then this host stays where it is.
    public var fallback: Publication?

    public init(rollout: String, remaining: Int64, fallback: Publication?) {
        self.rollout = rollout
        self.remaining = remaining
        self.fallback = fallback
    }
}

// A host in a fleet: which of two lines it follows, whose store, and when it goes back by itself.
extension Host {
    mutating func follow(_ seen: HostRollout?, at now: Moment) -> [Action] {
        rollout = .some(seen)
        if let seen, seen.rollout.id == unconfirmed?.rollout {
            switch seen.rollout.state {
            case .canary, .rolledBack:
                // Only a leader that counts puts it off: what is read again after a cut says nothing new.
                let isLess = unconfirmed.map { seen.rollout.remaining < $0.remaining } ?? true
                if deadline == nil || isLess { setDeadline(seen.rollout.remaining, at: now) }
            case .confirmed: deadline = nil
            }
        }
        return judge(at: now)
    }

    private mutating func setDeadline(_ remaining: Int64, at now: Moment) {
        unconfirmed?.remaining = remaining
        deadline = now.uptime + .seconds(remaining) + Self.grace
    }

    /// Looks at what the store has now, of the line that this host is on.
    mutating func judge(at now: Moment) -> [Action] {
        // Before the rollout is known, `current` may be the line of the others.
        guard let rollout else { return [] }
        if let seen = rollout, seen.isIncluded, !seen.rollout.isOver, seen.rollout.id != abandoned {
            if let canary = seen.canary { return judge(canary, by: seen.identity) }
            // Nothing of it was ever made: this host is where the others are.
            if seen.rollout.canary != nil { return [] }
        }
        guard let offered, !isBehind(offered.publication.mark, rollout) else { return [] }
        return judge(offered.publication, by: offered.identity)
    }

    /// Whether the others' line has not yet come past what this host has seen as a canary.
    private func isBehind(_ mark: Mark, _ seen: HostRollout?) -> Bool {
        guard let seen, seen.isIncluded, seen.rollout.canary != nil else { return false }
        if let outcome = seen.rollout.outcome { return outcome.isAbove(mark) }
        return seen.rollout.id == abandoned && (highWater?.isAbove(mark) ?? false)
    }

    private mutating func judge(_ publication: Publication, by other: FleetIdentity?) -> [Action] {
        let mark = publication.mark
        if let judged, judged == (mark, other) { return [] }
        judged = (mark, other)
        guard let other, other != identity else {
            judge(publication)
            return []
        }
        if let identity, identity.fleet != other.fleet {
            refuse("the store belongs to fleet \(other.fleet), this host to \(identity.fleet): refused")
            return []
        }
        if identity != nil, let highWater, mark.epoch <= highWater.epoch {
            refuse(
                "the store is another than before, and its generation \(mark) is not of an epoch above "
                    + "\(highWater.epoch), which this host has seen: refused")
            return []
        }
        judge(publication)
        guard highWater.map({ mark.isAbove($0) || mark == $0 }) ?? true else { return [] }
        identity = other
        return [.adopt(other)]
    }

    private mutating func refuse(_ why: String) {
        if problems.offer != why { counts.refused += 1 }
        problems.offer = why
    }

    // MARK: - A canary

    /// The rollout that a publication belongs to, if it is the canary's and not everybody's.
    private func canary(of publication: Publication) -> HostRollout? {
        guard let seen = rollout.flatMap({ $0 }), seen.isIncluded, !seen.rollout.isOver,
            seen.canary?.mark == publication.mark
        else { return nil }
        return seen
    }

    func persist(_ publication: Publication) -> Action {
        guard let seen = canary(of: publication) else { return .persist(publication) }
        return .persistCanary(publication, unconfirmed(for: seen))
    }

    private func unconfirmed(for seen: HostRollout) -> Unconfirmed {
        let isSame = unconfirmed?.rollout == seen.rollout.id
        return Unconfirmed(
            rollout: seen.rollout.id, remaining: seen.rollout.remaining,
            // A host that has lost its own generation would leave the VIPs that the fleet has: it stays on the canary.
            fallback: isSame ? unconfirmed?.fallback : current ?? (seen.rollout.from == nil ? .nothing : nil))
    }

    /// A publication is on disk and about to run.
    mutating func confirm(_ publication: Publication, at now: Moment) {
        guard let seen = canary(of: publication) else {
            // What all hosts have is confirmed.
            (unconfirmed, deadline) = (nil, nil)
            return
        }
        let isFirst = unconfirmed?.rollout != seen.rollout.id
        unconfirmed = unconfirmed(for: seen)
        if isFirst, seen.rollout.state != .confirmed { setDeadline(seen.rollout.remaining, at: now) }
    }

    /// Nobody said in time how the canary ended, or the store cannot be reached: back to what was confirmed, without
    /// lowering the high-water mark.
    mutating func goBack(at now: Moment) -> [Action] {
        // What is on its way to the disk may be the verdict, and would else come after the recall there.
        guard let deadline, now.uptime >= deadline, persisting == nil, let leaving = unconfirmed, let highWater
        else { return [] }
        self.deadline = nil
        unconfirmed = nil
        abandoned = leaving.rollout
        var actions: [Action] = []
        if let fallback = leaving.fallback {
            held = (fallback, now.uptime + Self.patience)
            actions = [.recall(fallback, keeping: highWater), .watch(fallback.generation, down: Set(down.keys))]
        }
        // What waits for the disk is of the canary, or the verdict: looked at again, now that the canary is left.
        (newest, judged) = (nil, nil)
        return actions + judge(at: now)
    }

    /// The newest that this host had of the fleet's own line: a canary's generation is none before it is confirmed, and
    /// nothing is none.
    var confirmed: Publication? {
        let own = unconfirmed == nil ? current : unconfirmed?.fallback
        return own.flatMap { $0.mark.number > 0 ? $0 : nil }
    }

    // MARK: - What the kernel really holds

    mutating func nextToVerify(at now: Moment) -> Order? {
        guard let verifyAt, now.uptime >= verifyAt, verifying == nil, !isApplying, held == nil, let verifyInterval,
            let applied, problems.apply == nil
        else { return nil }
        verifying = applied.order
        self.verifyAt = now.uptime + verifyInterval
        return applied.order
    }

    mutating func verified(_ differences: [String], at now: Moment) {
        problems.verify = nil
        guard let order = verifying else { return }
        verifying = nil
        // It was compared with what is not in force any more.
        guard !isApplying, order == applied?.order else { return }
        difference = differences.first
        guard let first = differences.first else { return }
        counts.mismatches += 1
        mustRepeat = true
        problems.verify = "the kernel's maps differ from the generation, and are repaired: \(first)"
        verifyAt = now.uptime + Self.secondLook
    }

    /// What this host says of itself.
    public func report(of name: String, instance: String, drops: [String: UInt64]) -> HostReport {
        HostReport(
            host: name, instance: instance, store: identity.map { "\($0)" }, highWater: highWater,
            applied: applied?.order.publication.mark, fleetDigest: applied?.report.fleetDigest,
            down: down.keys.sorted(), settled: settledServices.sorted(), isolated: isolated.sorted(), drops: drops,
            mismatches: counts.mismatches, verify: difference, forks: counts.forks, abandoned: abandoned)
    }
}
