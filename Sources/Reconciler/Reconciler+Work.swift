// SPDX-License-Identifier: Apache-2.0

import Logging
import Model
import Storage

// What the reconciler does for its machines.
extension Reconciler {
    /// Tells the leader's machine, and asks it on until it waits: beside a publication it may have a chore.
    func tell(_ event: Leader.Event, at now: Moment) -> [Work] {
        var work: [Work] = []
        var action = leader.handle(event, at: now)
        while true {
            work += obey(action)
            switch action {
            case .stand, .wait:
                let problems = leader.chores.problems.sorted { $0.value < $1.value }.map(\.value)
                note(.chores, problems.isEmpty ? nil : problems.joined(separator: "\n"))
                return work
            case .publish, .keep, .write, .deleteBlobs: action = leader.handle(.tick, at: now)
            }
        }
    }

    private func obey(_ action: Leader.Action) -> [Work] {
        switch action {
        case .publish(let generation, let predecessor):
            return lead { try await self.publish(generation, after: predecessor, by: $0) }
        case .keep(let generation):
            return lead { .kept(try await $0.keep(generation)) }
        case .write(let bytes, let key, let expected):
            return lead(on: Chore(writing: key)) { writer in
                switch try await writer.write(bytes, to: key, expecting: expected) {
                case .accepted:
                    return .wrote(key, bytes.map { StoredDocument(bytes: $0, digest: Digest.sha256hex($0)) })
                case .conflict: return .overtaken(key)
                }
            }
        case .deleteBlobs(let digests):
            return lead(on: .sweep) { writer in
                try await writer.deleteBlobs(digests)
                return .swept
            }
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
            case .persist(let publication):
                work.append { await self.persist(publication) { try await self.state.persist(publication) } }
            case .persistCanary(let publication, let unconfirmed):
                work.append {
                    await self.persist(publication) {
                        try await self.state.persist(publication, unconfirmed: unconfirmed)
                    }
                }
            case .recall(let publication, let highWater):
                logger.warning("goes back by itself", metadata: ["to": "\(publication.mark)"])
                work.append {
                    await self.note(.persisted) {
                        try await self.state.persist(publication, highWater: highWater)
                    }
                }
            case .adopt(let identity):
                logger.info("follows a store", metadata: ["identity": "\(identity)"])
                work.append {
                    await self.note(.persisted) {
                        try await self.state.persist(identity: identity)
                        return nil
                    }
                }
            case .verify(let order): work.append { await self.verify(order) }
            case .watch(let generation, let down):
                // Here and not beside the inbox: the last one must be the last that the sources hear.
                await ports.health.watch(generation, down: down)
                await ports.nextHops.watch(generation.remoteAddresses)
            case .apply(let order): work.append { await self.apply(order) }
            case .remember(let down): work += remember(down)
            case .settle: work.append { await self.settle() }
            case .report(let services, let mark):
                work += tell(.settled(services, under: mark), at: clock.now)
            case .wait(let uptime): work += wake(.host, at: uptime)
            }
        }
        return work
    }

    /// A leader's work with the store, and what became of it. Nothing where the leadership is over: its machine has been
    /// told, or will be.
    private func lead(
        on chore: Chore? = nil, _ work: @escaping @Sendable (any FencedWriter) async throws -> Leader.Event
    ) -> [Work] {
        guard let writer, writer.epoch == leader.epoch else { return [] }
        return [
            {
                var event: Leader.Event
                do {
                    event = try await work(writer)
                } catch let refusal as PublishRefusal {
                    event = .refused("\(refusal)")
                } catch {
                    if chore == nil { await self.failed(error) }
                    event = chore == nil ? .failed("\(error)") : .undone("\(error)")
                }
                self.post.yield(.done(event, epoch: writer.epoch))
            }
        ]
    }

    private func failed(_ error: any Error) {
        lastError = .init(text: "\(error)", at: clock.now.utc)
        logger.warning("not written", metadata: ["cause": "\(error)"])
    }

    private func publish(
        _ generation: Generation, after predecessor: Mark?, by writer: any FencedWriter
    ) async throws -> Leader.Event {
        let publication: Publication
        let began = clock.now.uptime
        do {
            publication = try await writer.publish(generation, expecting: predecessor)
        } catch let refusal as PublishRefusal {
            // A write before this one may have been taken though no answer came.
            guard case .conflict = refusal, let found = try await ports.store.state().current,
                found.generation.epoch == writer.epoch, leader.wrote(found.generation)
            else { throw refusal }
            publication = found
        } catch {
            let state = try await ports.store.state()
            guard let found = state.current, found.generation == generation else {
                // Whether or not it was heard: in a later epoch the store refuses it, now and for ever.
                if state.epoch > writer.epoch {
                    throw PublishRefusal.fenced(epoch: writer.epoch, held: state.epoch)
                }
                throw error
            }
            publication = found
        }
        let took = clock.now.uptime - began
        logger.info("published", metadata: ["generation": "\(publication.mark)", "took": "\(took.milliseconds)"])
        post.yield(.trouble(.published, await ports.store.leftover))
        return .published(publication)
    }

    private func verify(_ order: Order) async {
        do {
            post.yield(.host(.verified(try await ports.applier.verify(order))))
        } catch {
            post.yield(.host(.verifyFailed("\(error)")))
        }
    }

    private func note(_ trouble: Trouble, _ work: () async throws -> String?) async {
        do { note(trouble, try await work()) } catch { note(trouble, "\(error)") }
    }

    private func persist(_ publication: Publication, _ write: () async throws -> String?) async {
        do {
            post.yield(.trouble(.persisted, try await write()))
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

    /// The highest epoch that this host or any other has seen.
    private var floor: UInt64 {
        get async {
            var highest = host.highWater?.epoch ?? 0
            guard let documents = ports.documents else { return highest }
            do {
                let reports = try await documents.all(.hosts).values.compactMap { HostReport(readable: $0.bytes) }
                highest = reports.compactMap { $0.highWater?.epoch }.reduce(highest, max)
                note(.hosts, nil)
            } catch {
                note(.hosts, "\(error)")
            }
            return highest
        }
    }

    /// One leadership, from its beginning until this host resigns or the task is cancelled.
    private func hold(_ writer: any FencedWriter) async {
        do {
            try await learn()
            let stored = try await ports.store.state()
            let (resigned, resignation) = AsyncStream.makeStream(of: Never.self)
            self.writer = writer
            self.resignation = resignation
            hasHeld = true
            sweep = BlobSweep()
            post.yield(.trouble(.election, nil))
            post.yield(
                .leader(
                    .elected(
                        epoch: writer.epoch, stored: stored.current, kept: host.confirmed, store: stored.identity)))
            // A fleet's election says so itself, with its place.
            if ports.documents == nil { logger.info("leading", metadata: ["epoch": "\(writer.epoch)"]) }
            noteBehind(stored.current?.mark, host.confirmed?.mark)
            await withTaskGroup(of: Void.self) { group in
                if let documents = ports.documents { group.addTask { await self.followAsLeader(documents) } }
                for await _ in resigned {}
                group.cancelAll()
            }
            self.writer = nil
            post.yield(.leader(.lost))
        } catch {
            post.yield(.trouble(.election, "\(error)"))
        }
    }

    /// Generations heal by their numbers; a document that a person wrote since is gone with the store's last hours.
    private func noteBehind(_ stored: Mark?, _ kept: Mark?) {
        guard fleet != nil, let kept, stored.map({ kept.isAbove($0) }) ?? true else { return }
        logger.warning(
            "the store was put back in time: if services.yaml was applied since, sluicectl apply services.yaml",
            metadata: ["store": "\(stored.map { "\($0)" } ?? "nothing")", "here": "\(kept)"])
    }

    /// Hands on what the store publishes.
    func follow() async {
        var last = StoreState()
        while !Task.isCancelled {
            do {
                last = try await ports.store.state(after: last)
                post.yield(.trouble(.store, nil))
                if let publication = last.current { post.yield(.host(.offered(publication, by: last.identity))) }
            } catch {
                if !Task.isCancelled { post.yield(.trouble(.store, "\(error)")) }
                await pause()
            }
        }
    }

    func pause() async {
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
                for await catalog in self.ports.catalog.catalogs { self.post.yield(.leader(.catalog(catalog))) }
            }
            group.addTask {
                for await known in self.ports.nextHops.nextHops { self.post.yield(.host(.nextHops(known))) }
            }
        }
    }
}
