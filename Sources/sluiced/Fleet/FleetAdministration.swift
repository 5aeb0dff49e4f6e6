// SPDX-License-Identifier: Apache-2.0

import Admin
import Coordination
import Documents
import Glibc
import Model
import Programs
import Reconciler
import Synchronization

/// What the admin API can ask of this daemon's fleet, and tell it.
final class FleetAdministration: FleetBackend {
    private let name: String
    private let store: any FleetStore
    private let generations: any GenerationStore
    private let reading: FleetReading
    private let reconciler: Reconciler
    private let document: DesiredText
    private let catalog: any CatalogSource
    private let sightings = Mutex(HostSightings())

    /// Nil where the host is alone.
    init?(_ site: StoreSite, _ host: HostConfiguration, _ catalog: any CatalogSource, _ reconciler: Reconciler) {
        guard let store = site.fleet, let papers = site.documents else { return nil }
        self.store = store
        self.reconciler = reconciler
        self.catalog = catalog
        name = host.coordination.fleet
        generations = site.store
        reading = FleetReading(papers: papers)
        document = DesiredText(host)
    }

    // MARK: Looking

    func fleet() async throws -> FleetAnswer {
        try await answered {
            let identity = try await store.identity()
            let lock = try await store.status(of: .leader)
            var answer = FleetAnswer(
                fleet: name, store: store.place, identity: identity?.id, leader: lock.holder?.host, epoch: lock.epoch)
            guard identity != nil else { return answer }
            let state = try await generations.state()
            let rollout = try await reading.rollout()
            answer.generation = state.current.map {
                .init(epoch: $0.mark.epoch, number: $0.mark.number, digest: $0.digest)
            }
            answer.desired = try await reading.desired().map { .init($0.document, digest: $0.found.digest) }
            answer.rollout = rollout.rollout.map { .init($0) }
            answer.frozen = rollout.frozen.map { "by \($0.author): \($0.reason)" }
            let reports = try await reconciler.hosts()
            answer.hosts = await hosts(reports, leader: answer.leader, state, rollout.rollout)
            let status = await reconciler.status
            // Others know it from the leader's report, which comes a second later.
            answer.held =
                status.isLeading
                ? status.fleet?.reservations ?? [] : reports.first { $0.host == answer.leader }?.held ?? []
            answer.discovery = status.isLeading ? await discovery() : []
            return answer
        }
    }

    /// What the leader reads in discovery, and how old it is.
    private func discovery() async -> [FleetAnswer.Discovery] {
        let current = await catalog.current
        return current.services.sorted { $0.key < $1.key }.map { query, service in
            .init(
                query: query.description, age: service.age(at: current.at).map { $0.components.seconds },
                trouble: service.trouble?.message)
        }
    }

    private func hosts(
        _ reports: [HostReport], leader: String?, _ state: StoreState, _ rollout: Rollout?
    ) async -> [FleetAnswer.Host] {
        let known = await reconciler.status.fleet?.hosts ?? []
        let lives = Dictionary(known.map { ($0.report.host, $0.isLive) }) { first, _ in first }
        let now = BootClock.now()
        let seen = sightings.withLock { sightings in
            sightings.look(at: reports, now: now)
            return sightings
        }
        return reports.map { report in
            let isCanary = rollout.map { !$0.isOver && $0.includes(report.host) } ?? false
            return FleetAnswer.Host(
                report, live: lives[report.host] ?? seen.lives(report.host, now: now), leads: report.host == leader,
                goal: isCanary ? rollout?.canary ?? state.current?.mark : state.current?.mark, store: state.identity)
        }
    }

    func generations() async throws -> GenerationsAnswer {
        try await answered {
            let history = try await reading.history()
            let current = try await generations.state().current
            var rows = history.entries.map { GenerationsAnswer.Row($0) }
            if let current { rows = rows.filter { $0.number != current.mark.number } + [row(current, history)] }
            return GenerationsAnswer(generations: rows.sorted { $0.number > $1.number })
        }
    }

    func generation(_ number: UInt64?) async throws -> GenerationAnswer {
        try await answered {
            let history = try await reading.history()
            if let current = try await generations.state().current,
                number ?? current.mark.number == current.mark.number
            {
                let text = try await reading.desired(at: current.mark.number)?.document
                let services = current.generation.services.map { "\($0.service.name)  \(Notation($0))" }
                return GenerationAnswer(generation: row(current, history), services: services, document: text)
            }
            guard let number, let entry = history.entry(of: number),
                let desired = try await reading.desired(at: number)
            else {
                throw UnknownName(
                    number.map { "generation \($0) is not known any more" } ?? "nothing was published yet",
                    remedy: "see  sluicectl generation list")
            }
            var row = GenerationsAnswer.Row(entry)
            row.number = number
            return GenerationAnswer(generation: row, document: desired.document)
        }
    }

    private func row(_ publication: Publication, _ history: HistoryDocument) -> GenerationsAnswer.Row {
        let mark = publication.mark
        let entry = history.entry(of: mark.number)
        return .init(
            number: mark.number, epoch: mark.epoch, digest: mark.digest, current: true, version: entry?.version,
            author: entry?.author, at: entry?.at)
    }

    // MARK: Changing

    func apply(_ request: ApplyRequest, by caller: Caller) async throws -> ApplyAnswer {
        try await answered {
            let warnings = try document.check(request.document, file: request.file)
            let isTrial = !request.canary.isEmpty || request.confirmWithin != nil
            if !isTrial, let now = try await reading.desired(), now.document.document == request.document {
                return ApplyAnswer(
                    changed: false, version: now.document.version, digest: now.found.digest, warnings: warnings)
            }
            let done = try await reconciler.apply(
                request.document, by: caller.author, canary: request.canary,
                confirmWithin: request.confirmWithin.map { .seconds($0) })
            return ApplyAnswer(done, warnings: warnings)
        }
    }

    func confirm(by caller: Caller) async throws {
        try await answered { try await reconciler.confirm(by: caller.author) }
    }

    func rollback(_ request: RollbackRequest, by caller: Caller) async throws -> ApplyAnswer {
        try await answered {
            if let done = try await reconciler.rollback(to: request.number, by: caller.author) {
                return ApplyAnswer(done)
            }
            let now = try await reading.desired()
            return ApplyAnswer(changed: true, version: now?.document.version ?? 0, digest: now?.found.digest ?? "")
        }
    }

    func freeze(_ request: FreezeRequest, by caller: Caller) async throws {
        try await answered { try await reconciler.freeze(reason: request.reason, by: caller.author) }
    }

    func thaw(by caller: Caller) async throws {
        try await answered { try await reconciler.thaw(by: caller.author) }
    }

    func forget(host: String, by caller: Caller) async throws {
        try await answered { try await reconciler.forget(host, by: caller.author) }
    }

    /// Turns refusals into answers with the exit code that the CLI ends with.
    private func answered<Value>(_ work: () async throws -> Value) async throws -> Value {
        do {
            return try await work()
        } catch let error as StoreError {
            throw Admin.Problem(error)
        } catch let refusal as FleetRefusal {
            switch refusal {
            case .unknownGeneration: throw UnknownName("\(refusal)", remedy: "see  sluicectl generation list")
            case .unknownHost, .unknownHosts: throw UnknownName("\(refusal)", remedy: "see  sluicectl host list")
            case .noRollout: throw Admin.Problem("\(refusal)", remedy: "what became of the last:  sluicectl host list")
            default: throw Admin.Problem("\(refusal)")
            }
        } catch let error as ValidationError {
            guard error.exitStatus == ExitCode.heldByBrake.rawValue else {
                throw BadDocument("\(error)", remedy: "what is desired stays as it is")
            }
            throw Admin.Problem("\(error)", remedy: "what is desired stays as it is", exitCode: .heldByBrake)
        } catch let error as CanonicalError {
            throw Admin.Problem("read a document of the fleet: \(error)")
        }
    }
}

extension Caller {
    /// As it stands in documents.
    var author: String { name == "uid \(userID)" ? name : "\(name) (uid \(userID))" }
}

extension ApplyAnswer {
    fileprivate init(_ done: AppliedDocument, warnings: [String] = []) {
        self.init(changed: true, version: done.version, digest: done.digest, warnings: warnings)
    }
}

extension FleetAnswer.Desired {
    fileprivate init(_ document: DesiredDocument, digest: String) {
        self.init(version: document.version, author: document.author, at: document.at, digest: digest)
    }
}

extension FleetAnswer.Rollout {
    fileprivate init(_ rollout: Rollout) {
        self.init(
            state: rollout.state.rawValue, hosts: rollout.hosts, author: rollout.author, at: rollout.at,
            remaining: rollout.state == .canary ? rollout.remaining : nil, reason: rollout.reason)
    }
}

extension GenerationsAnswer.Row {
    fileprivate init(_ entry: HistoryDocument.Entry) {
        self.init(number: entry.number, version: entry.version, author: entry.author, at: entry.at)
    }
}

extension FleetAnswer.Host {
    /// - Parameter goal: what is published for it.
    fileprivate init(_ report: HostReport, live: Bool?, leads: Bool, goal: Mark?, store: FleetIdentity?) {
        let applied = report.applied
        let behind = goal.flatMap { goal in applied.map { goal.number > $0.number ? goal.number - $0.number : 0 } }
        let isElsewhere = report.store.map { $0 != store?.description } ?? false
        self.init(
            name: report.host, live: live, leads: leads, epoch: applied?.epoch, number: applied?.number,
            digest: applied?.digest, fleetDigest: report.fleetDigest, behind: behind,
            down: report.down.map(\.description), isolated: report.isolated, verify: report.verify ?? "ok",
            problem: isElsewhere ? "it follows another store" : nil)
    }
}
