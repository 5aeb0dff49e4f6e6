// SPDX-License-Identifier: Apache-2.0

import Model

extension Host {
    /// What to do now, given all that was taken in.
    mutating func decide(at now: Moment) -> [Action] {
        var actions = goBack(at: now)
        release(at: now)
        // A dead backend goes first: what runs is corrected while the next generation is still on its way to the disk.
        if let order = nextOrder(at: now) { actions.append(.apply(order)) }
        if let publication = nextToPersist(at: now) { actions.append(persist(publication)) }
        if let settleAt, now.uptime >= settleAt, settlingUnder == nil, !isApplying, let applied {
            settlingUnder = applied.order.publication.mark
            self.settleAt = now.uptime + settleInterval
            actions.append(.settle)
        }
        if let order = nextToVerify(at: now) { actions.append(.verify(order)) }
        return actions + [.wait(until: nextWake)]
    }

    /// Lets a persisted generation run as soon as its backends can be reached, or patience ends.
    private mutating func release(at now: Moment) {
        guard let held else { return }
        // What cannot be reached already is nothing to wait for.
        let known = target.map { needed(by: $0.generation) } ?? []
        let awaited = needed(by: held.publication.generation).subtracting(known)
        guard now.uptime >= held.until || awaited.isSubset(of: nextHops.keys) else { return }
        target = held.publication
        self.held = nil
    }

    private mutating func nextToPersist(at now: Moment) -> Publication? {
        guard persisting == nil, let newest, persistBackOff.allows(at: now.uptime) else { return nil }
        persisting = newest
        self.newest = nil
        return newest
    }

    private mutating func nextOrder(at now: Moment) -> Order? {
        guard !isApplying, let order = pendingOrder else { return nil }
        guard isUrgent(order) || applyBackOff.allows(at: now.uptime) else { return nil }
        isApplying = true
        mustRepeat = false
        attempted = order
        return order
    }

    /// What the kernel should hold, where it is not what it was last given.
    private var pendingOrder: Order? {
        guard let target else { return nil }
        let order = Order(publication: target, down: downIDs(in: target.generation), nextHops: nextHops)
        return mustRepeat || order != attempted ? order : nil
    }

    /// Neither a new generation nor the removal of a dead backend waits for the back-off of what failed before it.
    private func isUrgent(_ order: Order) -> Bool {
        guard let attempted else { return true }
        // An order that was carried out, if not wholly, is no reason to let another one wait.
        if problems.apply == nil, applied?.order == attempted, order != attempted { return true }
        return order.publication != attempted.publication || !order.down.isSubset(of: attempted.down)
    }

    private var nextWake: Duration? {
        let apply = isApplying || pendingOrder == nil ? nil : applyBackOff.notBefore
        let persist = newest == nil || persisting != nil ? nil : persistBackOff.notBefore
        let settle = isApplying || settlingUnder != nil ? nil : settleAt
        // As `nextToVerify` asks: a time that is over and leads to nothing would wake for ever.
        let canVerify = !isApplying && verifying == nil && held == nil && applied != nil && problems.apply == nil
        let verify = canVerify ? verifyAt : nil
        let back = persisting == nil ? deadline : nil
        return [apply, persist, settle, verify, back, held?.until].compactMap(\.self).min()
    }

    /// Slots settle after `flow-idle` without use; looking eight times as often is late by an eighth at most.
    var settleInterval: Duration {
        let idle = target?.generation.services.map(\.service.flowIdle).min() ?? .seconds(240)
        return min(max(idle / 8, .seconds(1)), .seconds(30))
    }

    func downIDs(in generation: Generation) -> Set<BackendID> {
        guard !down.isEmpty else { return [] }
        var ids: Set<BackendID> = []
        for service in generation.services {
            for placed in service.backends
            where down[BackendName(service: service.service.name, backend: placed.backend.name)] != nil {
                ids.insert(placed.id)
            }
        }
        return ids
    }

    private func needed(by generation: Generation) -> Set<IPAddress> { generation.remoteAddresses }
}

extension Generation {
    /// The addresses that packets are sent to: those of backends behind another host's interface.
    public var remoteAddresses: Set<IPAddress> {
        var addresses: Set<IPAddress> = []
        for service in services {
            switch service.service.forwarding {
            case .ipip, .gue, .l2: addresses.formUnion(service.backends.map(\.backend.address))
            case .local, .sockets: break
            }
        }
        return addresses
    }
}
