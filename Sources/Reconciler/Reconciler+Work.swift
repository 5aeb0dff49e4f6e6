// SPDX-License-Identifier: Apache-2.0

import Logging
import Model

// What the reconciler does for its machines.
extension Reconciler {
    func obey(_ action: Leader.Action) -> [Work] {
        switch action {
        case .publish(let generation, let predecessor):
            return [{ await self.publish(generation, after: predecessor) }]
        case .stand:
            logger.warning("leads no more", metadata: ["cause": "\(leader.problem ?? "")"])
            resignation?.finish()
            return []
        case .wait(let uptime):
            return wake(.leader, at: uptime)
        }
    }

    func obey(_ actions: [Host.Action]) async -> [Work] {
        var work: [Work] = []
        for action in actions {
            switch action {
            case .persist(let publication): work.append { await self.persist(publication) }
            case .watch(let generation, let down):
                // Here and not beside the inbox: the last one must be the last that the sources hear.
                await ports.health.watch(generation, down: down)
                await ports.nextHops.watch(generation.remoteAddresses)
            case .apply(let order): work.append { await self.apply(order) }
            case .remember(let down): work += remember(down)
            case .settle: work.append { await self.settle() }
            case .report(let services, let mark):
                work += obey(leader.handle(.settled(services, under: mark), at: clock.now))
            case .wait(let uptime): work += wake(.host, at: uptime)
            }
        }
        return work
    }

    private func publish(_ generation: Generation, after predecessor: Mark?) async {
        // Lost meanwhile: the leader's machine has been told, or will be.
        guard let writer, writer.epoch == generation.epoch else { return }
        do {
            let publication = try await writer.publish(generation, expecting: predecessor)
            logger.info("published", metadata: ["generation": "\(publication.mark)"])
            post.yield(.trouble(.published, await ports.store.leftover))
            post.yield(.leader(.published(publication)))
        } catch let refusal as PublishRefusal {
            post.yield(.leader(.refused("\(refusal)")))
        } catch {
            lastError = .init(text: "\(error)", at: clock.now.utc)
            logger.warning("not published", metadata: ["cause": "\(error)"])
            post.yield(.leader(.failed("\(error)")))
        }
    }

    private func persist(_ publication: Publication) async {
        do {
            post.yield(.trouble(.persisted, try await state.persist(publication)))
            post.yield(.host(.persisted(publication.mark)))
        } catch {
            post.yield(.host(.persistFailed("\(error)")))
        }
    }

    private func apply(_ order: Order) async {
        do {
            let report = try await ports.applier.apply(order)
            await note(applied: order.publication)
            post.yield(.host(.applied(report)))
        } catch {
            post.yield(.host(.applyFailed("\(error)")))
        }
    }

    private func note(applied publication: Publication) async {
        do {
            try await state.note(applied: publication)
            note(.record, nil)
        } catch {
            note(.record, "\(error)")
        }
    }

    private func settle() async {
        do {
            post.yield(.host(.settled(try await ports.applier.settle(at: clock.now.uptime))))
        } catch {
            post.yield(.host(.settleFailed("\(error)")))
        }
    }

    /// One write at a time, and of several that came meanwhile the last.
    func remember(_ down: [BackendName: Int64]?) -> [Work] {
        if let down { remembering.next = down }
        guard !remembering.isBusy, let next = remembering.next else { return [] }
        remembering = (true, nil)
        let (state, post) = (state, post)
        return [
            {
                do {
                    try await state.persist(down: next)
                    post.yield(.remembered(nil))
                } catch {
                    post.yield(.remembered("\(error)"))
                }
            }
        ]
    }

    /// An earlier timer than the one that runs; a later one needs none, as the machine is asked again when this one ends.
    private func wake(_ timer: Timer, at uptime: Duration?) -> [Work] {
        guard let uptime, wakes[timer].map({ uptime < $0 }) ?? true else { return [] }
        wakes[timer] = uptime
        let (clock, post) = (clock, post)
        return [
            {
                do { try await clock.sleep(until: uptime) } catch { return }
                post.yield(.woke(timer, at: uptime))
            }
        ]
    }

    // MARK: - What runs all the time

    /// Leads whenever it can.
    func stand() async {
        while !Task.isCancelled {
            var trouble: (any Error)?
            do {
                // A store that cannot be read is not led: each try would cost an epoch.
                _ = try await ports.store.state()
                try await ports.election.lead(above: { await self.floor }, { await self.hold($0) })
            } catch {
                trouble = error
            }
            let held = hasHeld
            hasHeld = false
            if let trouble { post.yield(.trouble(.election, "\(trouble)")) }
            if !held { await pause() }
        }
    }

    /// The highest epoch that this host has seen.
    private var floor: UInt64 { host.highWater?.epoch ?? 0 }

    /// One leadership, from its beginning until this host resigns or the task is cancelled.
    private func hold(_ writer: any FencedWriter) async {
        do {
            let stored = try await ports.store.state().current
            let (resigned, resignation) = AsyncStream.makeStream(of: Never.self)
            self.writer = writer
            self.resignation = resignation
            hasHeld = true
            post.yield(.trouble(.election, nil))
            post.yield(.leader(.elected(epoch: writer.epoch, stored: stored, kept: host.current)))
            logger.info("leading", metadata: ["epoch": "\(writer.epoch)"])
            for await _ in resigned {}
            self.writer = nil
            post.yield(.leader(.lost))
        } catch {
            post.yield(.trouble(.election, "\(error)"))
        }
    }

    /// Hands on what the store publishes.
    func follow() async {
        var last = StoreState()
        while !Task.isCancelled {
            do {
                last = try await ports.store.state(after: last)
                post.yield(.trouble(.store, nil))
                if let publication = last.current { post.yield(.host(.offered(publication))) }
            } catch {
                if !Task.isCancelled { post.yield(.trouble(.store, "\(error)")) }
                await pause()
            }
        }
    }

    private func pause() async {
        // Cancelled: the caller's loop ends.
        do { try await clock.sleep(until: clock.now.uptime + Self.retry) } catch {}
    }

    /// Hands on what probes and routes say.
    nonisolated func listen() async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                for await down in self.ports.health.downSets { self.post.yield(.host(.down(down))) }
            }
            group.addTask {
                for await known in self.ports.nextHops.nextHops { self.post.yield(.host(.nextHops(known))) }
            }
        }
    }
}
