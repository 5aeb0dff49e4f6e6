// SPDX-License-Identifier: Apache-2.0

import Model
import Storage
import TestSupport
import Testing

@testable import Reconciler

/// One host of a fleet in one process: the two machines, a disk, a kernel and what is on its way to the store.
///
/// It does what the reconciler does for them, one step at a time, so that a test decides what comes before what.
final class ModelHost {
    let name: String
    let isCandidate: Bool
    private(set) var leader = Leader(seed: 7)
    private(set) var host = Host(inFleet: true, verifyInterval: .seconds(30))

    /// What outlives a restart.
    private(set) var disk = (kept: Publication?.none, highWater: Mark?.none, unconfirmed: Unconfirmed?.none)
    private var diskIdentity: FleetIdentity?
    /// Everything that the kernel was given, and whether it went back by its own timer.
    private(set) var applied: [Mark] = []
    private(set) var kernel: Order?
    private(set) var recalls = 0
    /// All that its probes see down.
    var down: Set<BackendName> = []
    var drops: [String: UInt64] = [:]
    var differences: [String] = []
    /// Whether its slots settle when they are looked at.
    var settles = true
    /// The highest schema of generations that it reads.
    var generations = Int64(Generation.schema)

    /// Digests of desired documents that its version does not understand.
    var cannotRead: Set<String> = []

    var isAlive = true
    var isPaused = false
    var isCut = false
    private var run = 0
    private var beat: UInt64 = 0
    private var pace = ReportPace()
    private(set) var token: String?
    private var gate: Duration = .zero
    private var wakes: (leader: Duration?, host: Duration?) = (nil, nil)
    private var known = (current: Mark?.none, rollout: String??.none)
    private var knownDigests: [FleetKey: String] = [:]
    private(set) var underWay: [Work] = []

    /// Something that a leader asks of the store: on its way there, done, on its way back.
    struct Work {
        let epoch: UInt64
        let run: (inout ModelStore, Duration) throws -> Leader.Event
        let action: Leader.Action
        var outcome: Leader.Event?
    }

    init(_ name: String, isCandidate: Bool = true) {
        self.name = name
        self.isCandidate = isCandidate
    }

    static let lease = Duration.seconds(10)

    var mark: Mark? { kernel?.publication.mark }
    var isLeading: Bool { leader.epoch != nil }

    // MARK: - Life and death

    func kill() {
        isAlive = false
        underWay = []
        token = nil
    }

    /// Starts again from its disk; the kernel goes on with what it had.
    func start(at now: Moment) {
        isAlive = true
        isPaused = false
        run += 1
        leader = Leader(seed: 7)
        host = Host(
            kept: disk.kept, highWater: disk.highWater, down: Dictionary(uniqueKeysWithValues: down.map { ($0, 0) }),
            unconfirmed: disk.unconfirmed, identity: diskIdentity, inFleet: true, verifyInterval: .seconds(30))
        (wakes, known, pace) = ((nil, nil), (nil, nil), ReportPace())
        obey(host.handle(.started, at: now), at: now)
    }

    // MARK: - One step

    /// Reads what the store has.
    func poll(_ store: inout ModelStore, at now: Moment) {
        guard isAlive, !isPaused, !isCut, let identity = store.identity else { return }
        let rollout = store.documents[.rollout]
        if known.rollout != .some(rollout?.digest) {
            known.rollout = .some(rollout?.digest)
            let document = store.rolloutDocument
            let canary = document.rollout?.canary.flatMap { store.kept[$0.digest] }
            let seen = document.rollout.map { HostRollout($0, on: name, canary: canary, identity: identity) }
            hand(.rollout(view(document, rollout?.digest, canary, store)), at: now)
            obey(host.handle(.rollout(seen), at: now), at: now)
        }
        if let current = store.current, current.mark != known.current {
            known.current = current.mark
            obey(host.handle(.offered(current, by: identity), at: now), at: now)
        }
        if isLeading { learn(store, at: now) }
    }

    private func view(
        _ document: RolloutDocument, _ digest: String?, _ canary: Publication?, _ store: ModelStore
    ) -> Leader.RolloutView {
        let wish = document.rollout.flatMap { running in
            store.blobs[running.to].flatMap { self.wish(StoredDocument(bytes: $0, digest: running.to)) }
        }
        let isMissing = document.rollout.map { !$0.isOver } ?? false && wish == nil
        return .init(
            document: document, digest: digest, wish: wish, problem: isMissing ? "its blob is missing" : nil,
            canary: canary)
    }

    private func wish(_ stored: StoredDocument) -> Leader.Wish? {
        guard !cannotRead.contains(stored.digest) else { return nil }
        do {
            let document = try DesiredDocument(bytes: stored.bytes)
            return .init(state: try fleetDocument(document.document), document: document, digest: stored.digest)
        } catch {
            preconditionFailure("\(error)")
        }
    }

    private func learn(_ store: ModelStore, at now: Moment) {
        let desired = store.documents[.desired]
        if desired?.digest != leader.desiredDigest || leader.overtaken.contains(.desired) {
            hand(.applied(.init(digest: desired?.digest, wish: desired.flatMap { wish($0) })), at: now)
        }
        let digests = store.documents.mapValues(\.digest)
        guard digests != knownDigests else { return }
        knownDigests = digests
        var exceptions: [String: (override: Override, digest: String)] = [:]
        var reports: [HostReport] = []
        for (key, stored) in store.documents {
            do {
                if case .override(let id) = key {
                    exceptions[id] = (try OverrideDocument(bytes: stored.bytes).override, stored.digest)
                }
                if case .host = key { reports.append(try HostReport(bytes: stored.bytes)) }
            } catch {
                preconditionFailure("\(error)")
            }
        }
        if exceptions.mapValues(\.digest) != leader.exceptions.mapValues(\.digest) {
            hand(.exceptions(exceptions), at: now)
        }
        hand(.reports(reports), at: now)
    }

    /// Holds its lease, or stands for election.
    func stand(_ store: inout ModelStore, at now: Moment) {
        guard isAlive, !isPaused, isCandidate else { return }
        if let token {
            if !isCut, store.renew(token, until: now.uptime + Self.lease, now: now.uptime) {
                gate = now.uptime + Self.lease
            }
            guard now.uptime >= gate || leader.epoch == nil else { return }
            if !isCut { store.release(token) }
            self.token = nil
            hand(.lost, at: now)
            return
        }
        guard !isCut else { return }
        let reported = store.documents.compactMap { key, stored -> UInt64? in
            guard case .host = key else { return nil }
            return HostReport(readable: stored.bytes)?.highWater?.epoch
        }
        let floor = max(host.highWater?.epoch ?? 0, reported.max() ?? 0)
        run += 1
        let token = "\(name).\(run)"
        guard let epoch = store.acquire(token, above: floor, until: now.uptime + Self.lease, now: now.uptime) else {
            return
        }
        self.token = token
        gate = now.uptime + Self.lease
        known.rollout = .none
        knownDigests = [:]
        learnAll(store, at: now)
        hand(
            .elected(epoch: epoch, stored: store.current, kept: host.current, store: store.identity), at: now)
    }

    private func learnAll(_ store: ModelStore, at now: Moment) {
        learn(store, at: now)
        let document = store.rolloutDocument
        let canary = document.rollout?.canary.flatMap { store.kept[$0.digest] }
        hand(.rollout(view(document, store.documents[.rollout]?.digest, canary, store)), at: now)
        learnHistory(store, at: now)
    }

    private func learnHistory(_ store: ModelStore, at now: Moment) {
        let history = store.documents[.history]
        do {
            let read = try history.map { try HistoryDocument(bytes: $0.bytes) } ?? HistoryDocument()
            hand(.history(read, digest: history?.digest), at: now)
        } catch {
            preconditionFailure("\(error)")
        }
    }

    func tell(_ catalog: Catalog, at now: Moment) { hand(.catalog(catalog), at: now) }

    /// Writes its report where that is due.
    func report(_ store: inout ModelStore, at now: Moment) {
        guard isAlive, !isPaused, !isCut, store.identity != nil else { return }
        var report = host.report(of: name, instance: "\(name).\(run)", drops: drops)
        guard pace.isDue(report, at: now.uptime) else { return }
        pace.wrote(report, at: now.uptime)
        beat += 1
        report.beat = beat
        report.generations = generations
        store.documents[.host(name)] = StoredDocument(bytes: report.bytes, digest: Digest.sha256hex(report.bytes))
        hand(.reported(report), at: now)
    }

    /// Wakes the machines whose time has come.
    func tick(at now: Moment) {
        guard isAlive, !isPaused else { return }
        if down != Set(host.down.keys) { obey(host.handle(.down(down), at: now), at: now) }
        if let wake = wakes.leader, now.uptime >= wake { hand(.tick, at: now) }
        if let wake = wakes.host, now.uptime >= wake { obey(host.handle(.tick, at: now), at: now) }
    }

    /// Takes what is under way one stage further: to the store, or back from it.
    func progress(_ store: inout ModelStore, at now: Moment, losingAnswer: Bool = false) {
        guard isAlive, let work = underWay.first else { return }
        guard let outcome = work.outcome else {
            // A process that is stopped has sent it already; whether it arrives is up to the network.
            guard !isCut, store.identity != nil else {
                if !isPaused { underWay[0].outcome = failure("cannot be reached", of: work) }
                return
            }
            var outcome = perform(work, &store, now)
            if losingAnswer { outcome = reread(work, store) }
            underWay[0].outcome = outcome
            return
        }
        guard !isPaused else { return }
        underWay.removeFirst()
        // What became of an earlier leadership's work is nobody's concern.
        guard leader.epoch == work.epoch else { return }
        hand(outcome, at: now)
        // Looked at again at once: who wrote it may have been told of already.
        guard case .overtaken(let key) = outcome else { return }
        (known.rollout, knownDigests) = (.none, [:])
        if key == .history { learnHistory(store, at: now) }
    }

    private func perform(_ work: Work, _ store: inout ModelStore, _ now: Moment) -> Leader.Event {
        do {
            return try work.run(&store, now.uptime)
        } catch let error as ModelStore.Refused {
            guard case .conflict = error.refusal, let found = store.current, leader.wrote(found.generation) else {
                return .refused("\(error.refusal)")
            }
            return .published(found)
        } catch {
            return failure("\(error)", of: work)
        }
    }

    private func failure(_ cause: String, of work: Work) -> Leader.Event {
        switch work.action {
        case .write(_, let key, _) where Chore(writing: key) != nil: .undone(cause)
        case .deleteBlobs: .undone(cause)
        default: .failed(cause)
        }
    }

    /// No answer came: what is in the store says what became of it, where it says so.
    private func reread(_ work: Work, _ store: ModelStore) -> Leader.Event {
        if case .publish(let generation, _) = work.action, let current = store.current,
            current.generation == generation
        {
            return .published(current)
        }
        return failure("no answer", of: work)
    }

    // MARK: - What the machines ask for

    func hand(_ event: Leader.Event, at now: Moment) {
        var action = leader.handle(event, at: now)
        while true {
            obey(action)
            switch action {
            case .stand, .wait: return
            case .publish, .keep, .write, .deleteBlobs: action = leader.handle(.tick, at: now)
            }
        }
    }

    private func obey(_ action: Leader.Action) {
        guard let epoch = leader.epoch, let token else {
            if case .wait(let until) = action { wakes.leader = until }
            return
        }
        func work(_ run: @escaping (inout ModelStore, Duration) throws -> Leader.Event) {
            underWay.append(Work(epoch: epoch, run: run, action: action))
        }
        switch action {
        case .publish(let generation, let expected):
            work { .published(try $0.publish(generation, expecting: expected, as: token, now: $1)) }
        case .keep(let generation): work { .kept(try $0.keep(generation, as: token, now: $1)) }
        case .write(let bytes, let key, let expected):
            work { store, now in
                let outcome = try store.write(bytes, to: key, expecting: expected, as: (token, epoch), now: now)
                guard outcome == .accepted else { return .overtaken(key) }
                return .wrote(key, store.documents[key])
            }
        case .deleteBlobs: work { _, _ in .swept }
        case .stand: break
        case .wait(let until): wakes.leader = until
        }
    }

    private func obey(_ actions: [Host.Action], at now: Moment) {
        var events: [Host.Event] = []
        for action in actions {
            switch action {
            case .persist(let publication):
                disk = (publication, publication.mark, nil)
                events.append(.persisted(publication.mark))
            case .persistCanary(let publication, let unconfirmed):
                disk = (publication, publication.mark, unconfirmed)
                events.append(.persisted(publication.mark))
            case .recall(let publication, let mark):
                disk = (publication, mark, nil)
                recalls += 1
            case .adopt(let identity): diskIdentity = identity
            case .watch(let generation, _):
                events.append(.nextHops(hops(for: generation)))
            case .apply(let order):
                kernel = order
                if applied.last != order.publication.mark { applied.append(order.publication.mark) }
                differences = []
                events.append(.applied(AppliedReport()))
            case .remember: break
            case .settle:
                let all = kernel?.publication.generation.services.map(\.service.name) ?? []
                events.append(.settled(settles ? Set(all) : []))
            case .verify: events.append(.verified(differences))
            case .report(let services, let mark): hand(.settled(services, under: mark), at: now)
            case .wait(let until): wakes.host = until
            }
        }
        for event in events { obey(host.handle(event, at: now), at: now) }
    }
}

/// `web`, with the backends before the bar of its own, and with one behind it from the catalog: `a, b | web`. With
/// `sockets:` in front its packets go through those, with
/// `listener:` there is one of HTTP beside it.
func fleetDocument(_ text: String) throws -> DesiredState {
    let isRelayed = text.hasPrefix("sockets: ")
    let isHTTP = text.hasPrefix("listener: ")
    let parts = text.dropFirst(isRelayed ? 9 : isHTTP ? 10 : 0).split(separator: "|", omittingEmptySubsequences: false)
    let own = parts[0].trimmed
    var state = try document(own.isEmpty ? "x" : own, drain: .seconds(20), flowIdle: .seconds(8))
    if own.isEmpty { state.entries[0].backends = [] }
    if isHTTP, let bind = VIP("10.255.0.1:80/tcp") {
        state.routing = Routing(listeners: [Listener(name: "l", bind: bind)])
    }
    if isRelayed { state.entries[0].service.forwarding = .sockets }
    if parts.count > 1 { state.entries[0].query = CatalogQuery(service: parts[1].trimmed) }
    return state
}

extension Substring {
    fileprivate var trimmed: String {
        String(drop(while: { $0 == " " }).reversed().drop(while: { $0 == " " }).reversed())
    }
}

/// Every address of a generation, resolved.
func hops(for generation: Generation) -> [IPAddress: NextHop] {
    hops(for: Publication(generation: generation, digest: ""))
}
