// SPDX-License-Identifier: Apache-2.0

import Model

// A leader and a change on its way through the fleet.
extension Leader {
    mutating func take(_ view: RolloutView, at now: Moment) {
        overtaken.remove(.rollout)
        rollout = view
        follow(at: now)
    }

    mutating func wroteRollout(_ document: StoredDocument?) {
        // It has been read again meanwhile: that is this one or a later one.
        guard let written = writtenRollout, written.over == rollout.digest else { return }
        rollout.digest = document?.digest
        rollout.document = written.document
        if rollout.document.rollout?.isOver ?? true { (canaryLine, watch) = (nil, nil) }
    }

    /// The line and the watch of the rollout that is under way.
    private mutating func follow(at now: Moment) {
        guard let running = rollout.document.rollout else {
            // The line of a rollout that is gone without an end stays until a generation has taken it in.
            watch = nil
            return
        }
        guard !running.isOver else {
            (canaryLine, watch) = (nil, nil)
            return
        }
        if let canary = rollout.canary, canaryLine.map({ canary.mark.isAbove($0.mark) }) ?? true {
            canaryLine = canary
        }
        if watch?.id != running.id { watch = CanaryWatch(running, at: now.uptime) }
    }

    /// Whether there is a canary's line without a rollout: its hosts come over with the next generation.
    var isOrphaned: Bool { canaryLine != nil && rollout.document.rollout == nil }

    mutating func rolloutAction(in epoch: UInt64, at now: Moment) -> Action? {
        guard isOpen(.rollout), isOpen(.desired), let running = rollout.document.rollout, !running.isOver else {
            return nil
        }
        if watch?.id != running.id { watch = CanaryWatch(running, at: now.uptime) }
        watch?.look(at: register, running)
        switch running.state {
        case .canary: return canaryAction(running, in: epoch, at: now)
        case .confirmed: return confirmedAction(running, in: epoch, at: now)
        case .rolledBack: return carryOut(running, proposed ?? desired, in: epoch, at: now)
        }
    }

    // MARK: - While nobody has decided

    private mutating func canaryAction(_ running: Rollout, in epoch: UInt64, at now: Moment) -> Action? {
        if let problem = rollout.problem { return rollBack(running, "it cannot be used: \(problem)") }
        if let fault = watch?.fault(of: running, in: register, at: now.uptime) { return rollBack(running, fault) }
        // Made, and not yet told.
        if let canaryLine, running.canary != canaryLine.mark {
            return write(running, at: now) { $0.canary = canaryLine.mark }
        }
        do {
            if let next = try canaryGeneration(in: epoch, at: now) {
                guard nextKeep.map({ now.uptime >= $0 }) ?? true, !isDeleting(from: next) else { return nil }
                nextKeep = now.uptime + PublishPace.turn
                return .keep(next)
            }
        } catch {
            return rollBack(running, "\(error)")
        }
        guard let left = watch?.remaining(at: now.uptime), running.remaining - left >= CanaryWatch.interval else {
            return nil
        }
        return write(running, at: now) { _ in }
    }

    private func canaryGeneration(in epoch: UInt64, at now: Moment) throws(ValidationError) -> Generation? {
        guard let wish = rollout.wish else { return nil }
        let line = canaryLine ?? previous
        let resolution = resolve(wish, after: line, at: now)
        let next = try Generation.step(
            desired: resolution.desired, overrides: resolution.overrides, previous: line?.generation, epoch: epoch,
            seed: line?.generation.seed ?? seed, now: now.utc, predecessor: line?.digest,
            beside: canaryLine == nil ? nil : previous?.generation, routes: routes(of: resolution, at: now)
        ).generation
        if next != nil || canaryLine != nil { return next }
        if let next, let refusal = unreadable(next, at: now) { throw refusal }
        // It changes nothing: a generation all the same, so that its hosts can say that they run it.
        return previous.map { again($0, in: epoch) }
    }

    private mutating func rollBack(_ running: Rollout, _ reason: String) -> Action {
        var rolledBack = running
        rolledBack.state = .rolledBack
        rolledBack.reason = reason
        return writing(rolledBack)
    }

    private mutating func write(_ running: Rollout, at now: Moment, _ change: (inout Rollout) -> Void) -> Action {
        var changed = running
        if let watch { changed.remaining = watch.remaining(at: now.uptime) }
        change(&changed)
        return writing(changed)
    }

    private mutating func writing(_ running: Rollout) -> Action {
        var document = rollout.document
        document.rollout = running
        writtenRollout = (document, over: rollout.digest)
        return .write(
            document.bytes, to: .rollout, expecting: rollout.digest.map { .digest($0) } ?? .nothing)
    }

    // MARK: - When somebody has

    private mutating func confirmedAction(_ running: Rollout, in epoch: UInt64, at now: Moment) -> Action? {
        guard desiredDigest == running.from || desiredDigest == running.to else {
            // Somebody has applied something else meanwhile.
            return carryOut(running, proposed ?? desired, in: epoch, at: now)
        }
        // What cannot be read is neither dropped nor replaced: both lines go on as they are, and `RolloutView.trouble`
        // says so.
        guard let wish = [rollout.wish, proposed, desired].compactMap(\.self).first(where: { $0.digest == running.to })
        else { return nil }
        return adopt(wish, of: running) ?? carryOut(running, wish, in: epoch, at: now)
    }

    /// One generation for all hosts, above what any of them has; then the rollout is over.
    private mutating func carryOut(_ running: Rollout, _ wish: Wish?, in epoch: UInt64, at now: Moment) -> Action? {
        do {
            // Before the first generation there was nothing, which is what the canary's hosts go back to.
            let isFirst = previous == nil && (canaryLine != nil || running.canary != nil)
            let wanted = wish ?? (isFirst ? Wish(state: DesiredState()) : nil)
            let resolution = wanted.map { resolve($0, after: previous, at: now) }
            let next = try resolution.flatMap { resolution throws(ValidationError) in
                try following(resolution, in: epoch, at: now, absorbing: true).generation
            }
            if let next { return isDeleting(from: next) ? nil : publish(next, at: now) }
        } catch {
            // What cannot be must not keep the canary's hosts where they are.
            problem = "\(error)"
        }
        guard let previous else { return finish(running, with: nil) }
        if let canary = canaryLine?.mark ?? running.canary, !previous.mark.isAbove(canary) || stored != previous.mark {
            let next = again(previous, in: epoch)
            return isDeleting(from: next) ? nil : publish(next, at: now)
        }
        return finish(running, with: previous.mark)
    }

    /// What was confirmed is what the fleet desires.
    private mutating func adopt(_ wish: Wish, of running: Rollout) -> Action? {
        guard let document = wish.document, desiredDigest != running.to else { return nil }
        desired = wish
        proposed = nil
        return .write(document.bytes, to: .desired, expecting: running.from.map { .digest($0) } ?? .nothing)
    }

    private mutating func finish(_ running: Rollout, with mark: Mark?) -> Action {
        var over = running
        over.outcome = mark ?? Mark(epoch: epoch ?? 0, number: 0, digest: "")
        return writing(over)
    }

    /// When time alone decides something about a rollout.
    func rolloutWake(after now: Moment) -> Duration? {
        guard let running = rollout.document.rollout, !running.isOver else { return nil }
        return now.uptime + .seconds(1)
    }
}
