// SPDX-License-Identifier: Apache-2.0

import Logging
import Model
import Storage

// What a host of a fleet reads in its store, and what it tells there.
extension Reconciler {
    // MARK: - What every host follows

    func follow(_ documents: any FleetDocuments) async {
        await withDiscardingTaskGroup { group in
            for (scope, trouble) in [(FleetScope.rollout, Trouble.rollout), (.overrides, .overrides)] {
                group.addTask { await self.follow(scope, in: documents, trouble) }
            }
        }
    }

    /// What only a leader needs to know.
    func followAsLeader(_ documents: any FleetDocuments) async {
        await withDiscardingTaskGroup { group in
            for (scope, trouble) in [(FleetScope.desired, Trouble.desired), (.hosts, .hosts)] {
                group.addTask { await self.follow(scope, in: documents, trouble) }
            }
            group.addTask { await self.sweep(documents) }
        }
    }

    private func follow(_ scope: FleetScope, in documents: any FleetDocuments, _ trouble: Trouble) async {
        while !Task.isCancelled {
            do {
                try await documents.follow(scope) { found in
                    await self.learn(scope, found, in: documents, trouble)
                }
            } catch {
                if !Task.isCancelled { post.yield(.trouble(trouble, "\(error)")) }
            }
            await pause()
        }
    }

    /// All that a leader must know before it begins.
    func learn() async throws {
        guard let documents = ports.documents else { return }
        for scope in FleetScope.allCases {
            let found = try await documents.all(scope)
            do {
                try await learn(scope, found)
            } catch let trouble as UnreadableRollout {
                // No reason not to lead.
                note(.rollout, "\(trouble)")
            }
        }
        try await learnHistory(documents)
    }

    private func learnHistory(_ documents: any FleetDocuments) async throws {
        let found = try await documents.read(.history)
        do {
            let history = try found.map { try HistoryDocument(bytes: $0.bytes) }
            post.yield(.leader(.history(history ?? HistoryDocument(), digest: found?.digest)))
            note(.history, nil)
        } catch {
            // Nothing is written over what cannot be read.
            note(.history, "read history: \(error)")
        }
    }

    /// Until it is understood: what it names may not be readable at once.
    private func learn(
        _ scope: FleetScope, _ found: [FleetKey: StoredDocument], in documents: any FleetDocuments, _ trouble: Trouble
    ) async {
        var found = found
        while !Task.isCancelled {
            do {
                try await learn(scope, found)
                if scope == .desired { note(trouble, nil) }
                return
            } catch {
                note(trouble, "\(error)")
            }
            await pause()
            do { found = try await documents.all(scope) } catch { note(trouble, "\(error)") }
        }
    }

    /// What somebody else has written; tried until it is read, as the leader writes nothing there before.
    func relearn(_ key: FleetKey) async {
        guard let documents = ports.documents else { return }
        let epoch = leader.epoch
        while !Task.isCancelled, leader.epoch == epoch, !leader.isOpen(key) {
            do {
                switch key {
                case .desired: await learn(.desired, try await documents.all(.desired), in: documents, .desired)
                case .rollout: await learn(.rollout, try await documents.all(.rollout), in: documents, .rollout)
                case .override: await learn(.overrides, try await documents.all(.overrides), in: documents, .overrides)
                case .history: try await learnHistory(documents)
                case .host: break
                }
                return
            } catch {
                note(Trouble(key), "\(error)")
            }
            await pause()
        }
    }

    private func learn(_ scope: FleetScope, _ found: [FleetKey: StoredDocument]) async throws {
        switch scope {
        case .desired: post.yield(.leader(.applied(desired(found[.desired]))))
        case .overrides: learnOverrides(found)
        case .hosts: learnHosts(found)
        case .rollout: try await learnRollout(found[.rollout])
        }
    }

    private func desired(_ found: StoredDocument?) -> Leader.DesiredView {
        guard let found else { return Leader.DesiredView() }
        do {
            return Leader.DesiredView(digest: found.digest, wish: try wish(found))
        } catch {
            return Leader.DesiredView(digest: found.digest, problem: "the desired document: \(error)")
        }
    }

    private func wish(_ found: StoredDocument) throws -> Leader.Wish {
        let document = try DesiredDocument(bytes: found.bytes)
        guard let fleet else { throw NoSharedStore() }
        return Leader.Wish(state: try fleet.parse(document.document), document: document, digest: found.digest)
    }

    private func learnOverrides(_ found: [FleetKey: StoredDocument]) {
        var exceptions: [String: (override: Override, digest: String)] = [:]
        var problems: [String] = []
        for (key, stored) in found {
            guard case .override(let id) = key else { continue }
            do {
                exceptions[id] = (try OverrideDocument(bytes: stored.bytes).override, stored.digest)
            } catch {
                let known = leader.exceptions[id]?.override ?? OverrideDocument.effect(of: stored.bytes)
                problems.append(UnreadableOverride(key: key, cause: "\(error)", effect: known).description)
                guard var override = known else { continue }
                // Until when it should last is not known.
                override.expiry = nil
                exceptions[id] = (override, stored.digest)
            }
        }
        drains = exceptions.sorted { $0.key < $1.key }.map(\.value.override)
        note(.overrides, problems.isEmpty ? nil : problems.sorted().joined(separator: "\n"))
        post.yield(.leader(.exceptions(exceptions)))
    }

    private func learnHosts(_ found: [FleetKey: StoredDocument]) {
        var reports: [HostReport] = []
        var problems: [String] = []
        for (key, stored) in found {
            do {
                reports.append(try HostReport(bytes: stored.bytes))
            } catch {
                problems.append("read \(key): \(error)")
            }
        }
        note(.hosts, problems.isEmpty ? nil : problems.sorted().joined(separator: "\n"))
        post.yield(.leader(.reports(reports)))
    }

    /// Throws where something that it names cannot be read yet, and `UnreadableRollout` where a person must do something.
    private func learnRollout(_ found: StoredDocument?) async throws {
        rolloutReads.begun += 1
        let reading = rolloutReads.begun
        guard let found else { return tell(Leader.RolloutView(), nil, of: reading) }
        let document: RolloutDocument
        do {
            document = try RolloutDocument(bytes: found.bytes)
        } catch {
            // Nothing is published over what cannot be understood; hosts follow what all follow.
            let trouble = FleetRefusal.unreadableRollout("\(error)")
            tell(.init(document: .unreadable(trouble), digest: found.digest), nil, of: reading)
            throw UnreadableRollout(description: "\(trouble)")
        }
        var view = Leader.RolloutView(document: document, digest: found.digest)
        guard let rollout = document.rollout, let fleet else { return tell(view, nil, of: reading) }
        if !rollout.isOver { try await readAll(of: rollout, into: &view) }
        let identity = try await ports.store.state().identity
        tell(view, HostRollout(rollout, on: fleet.host, canary: view.canary, identity: identity), of: reading)
        // Told, and looked at again: what is missing may come back.
        if let trouble = view.trouble { throw UnreadableRollout(description: trouble) }
    }

    /// A later reading may have come to its end before this one.
    private func tell(_ view: Leader.RolloutView, _ rollout: HostRollout?, of reading: UInt64) {
        guard reading > rolloutReads.told else { return }
        rolloutReads.told = reading
        post.yield(.leader(.rollout(view)))
        post.yield(.host(.rollout(rollout)))
        if view.trouble == nil, !view.isUnreadable { note(.rollout, nil) }
    }

    /// A read that fails is tried again; what it answers may be a reason to end the rollout.
    private func readAll(of rollout: Rollout, into view: inout Leader.RolloutView) async throws {
        if let mark = rollout.canary {
            do {
                view.canary = try await ports.store.kept(mark.digest)
                if view.canary == nil { view.problem = "its generation: \(MissingBlob(digest: mark.digest))" }
            } catch let unreadable as UnreadableGeneration {
                view.problem = "its \(unreadable)"
            }
        }
        let bytes = try await ports.documents?.blob(rollout.to)
        do {
            view.wish = try bytes.map { try wish(StoredDocument(bytes: $0, digest: rollout.to)) }
            if bytes == nil { view.problem = "\(MissingBlob(digest: rollout.to))" }
        } catch {
            view.problem = "\(error)"
        }
    }

    /// Only a leader reads the catalog.
    func askCatalog() async {
        let queries = leader.epoch == nil ? [] : leader.queries
        guard queries != asked else { return }
        asked = queries
        await ports.catalog.watch(queries)
    }

    // MARK: - What it tells

    func report(as fleet: FleetSettings, to documents: any FleetDocuments) async {
        var pace = ReportPace()
        var beat: UInt64 = 0
        var known: String?
        var contested: Duration?
        var drops: [String: UInt64] = [:]
        while !Task.isCancelled {
            var report = host.report(of: fleet.host, instance: instance, drops: [:])
            report.held = leader.reservations
            let now = clock.now.uptime
            if pace.isDue(report, at: now) {
                do { (drops, _) = (try await ports.applier.drops(), note(.counters, nil)) } catch {
                    // Silence would say that the host is gone.
                    note(.counters, "read the counters of drops: \(error)")
                }
                report.drops = drops
                do {
                    beat += 1
                    report.beat = beat
                    let expected = known.map { ExpectedDocument.digest($0) } ?? .anything
                    switch try await documents.write(report.bytes, to: .host(fleet.host), expecting: expected) {
                    case .accepted:
                        known = Digest.sha256hex(report.bytes)
                        pace.wrote(report, at: now)
                        post.yield(.leader(.reported(report)))
                        post.yield(.trouble(.report, nil))
                    case .conflict(let found):
                        known = found?.digest
                        let other = found.flatMap { HostReport(readable: $0.bytes) }
                        if let other, other.instance != instance { contested = now }
                        if found == nil { known = nil }
                    }
                } catch {
                    if !Task.isCancelled { post.yield(.trouble(.report, "\(error)")) }
                    // Whether it was written is unknown.
                    known = nil
                }
            }
            let isContested = contested.map { now - $0 < .seconds(60) } ?? false
            post.yield(
                .trouble(
                    .name, isContested ? "another host reports as \(fleet.host): give each a name of its own" : nil))
            do { try await clock.sleep(until: now + ReportPace.look) } catch { return }
        }
    }

    /// Removes what nobody names any more, while this host leads.
    private func sweep(_ documents: any FleetDocuments) async {
        while !Task.isCancelled {
            do {
                try await clock.sleep(until: clock.now.uptime + BlobSweep.interval)
                // What a rollout names that cannot be read is not known.
                guard leader.history != nil, !leader.rollout.isUnreadable else { continue }
                let (current, canary) = (leader.previous, leader.canaryLine)
                guard try await ports.store.state().current?.mark == current?.mark else { continue }
                let over = sweep.unnamed(of: try await documents.blobs(), named: leader.named, at: clock.now.uptime)
                if !over.isEmpty {
                    post.yield(.leader(.unnamed(over, current: current?.mark, canary: canary?.mark)))
                }
                note(.blobs, nil)
            } catch {
                if !Task.isCancelled { note(.blobs, "\(error)") }
            }
        }
    }
}

extension Reconciler.Trouble {
    fileprivate init(_ key: FleetKey) {
        self =
            switch key {
            case .desired: .desired
            case .rollout: .rollout
            case .override: .overrides
            case .history: .history
            case .host: .hosts
            }
    }
}

/// A rollout that waits for a person, as a sentence with the command.
struct UnreadableRollout: Error, CustomStringConvertible {
    let description: String
}

/// Something that a document names is not in the store.
struct MissingBlob: Error, CustomStringConvertible {
    let digest: String

    var description: String { "blob \(digest.prefix(12)) is missing" }
}
