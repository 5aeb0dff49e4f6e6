// SPDX-License-Identifier: Apache-2.0

import Model

/// Decides when which generation is published: a machine that is told what happened and answers what to do.
///
/// It is told everything on every host, and acts only between `elected` and the end of the leadership. It has one thing
/// under way at a time, and publishes f(desired, overrides, catalog, what was published before).
public struct Leader: Sendable {
    public enum Event: Sendable {
        /// This host leads in this epoch; what the store holds and whose it is, and what this host persisted last.
        case elected(epoch: UInt64, stored: Publication?, kept: Publication?, store: FleetIdentity? = nil)
        /// The document of a host alone.
        case desired(DesiredState)
        /// The fleet's, as it lies in the store.
        case applied(DesiredView)
        case overrides([Override])
        /// The fleet's, each with the digest of its document.
        case exceptions([String: (override: Override, digest: String)])
        case catalog(Catalog)
        case reports([HostReport])
        case reported(HostReport)
        case rollout(RolloutView)
        case history(HistoryDocument, digest: String?)
        /// The services all of whose slots are settled on this host, as seen while `under` was applied; what the reports of
        /// a fleet's hosts say goes before it.
        case settled(Set<String>, under: Mark)
        case published(Publication)
        /// The generation of a canary.
        case kept(Publication)
        /// A document of its own is in the store; nil bytes: it is gone.
        case wrote(FleetKey, StoredDocument?)
        /// Blobs that nobody has named for long, as of these generations.
        case unnamed(Set<String>, current: Mark?, canary: Mark?)
        case swept
        /// Somebody else has written that document.
        case overtaken(FleetKey)
        /// The store refused: another leads, or the store was changed behind this leader's back.
        case refused(String)
        /// The write failed and changed nothing, or the store said so when it was read again.
        case failed(String)
        /// A chore failed: see `Chore`.
        case undone(String)
        /// The leadership is over, though no write was refused.
        case lost
        case tick
    }

    public enum Action: Hashable, Sendable {
        case publish(Generation, expecting: Mark?)
        case keep(Generation)
        case write([UInt8]?, to: FleetKey, expecting: ExpectedDocument)
        case deleteBlobs(Set<String>)
        /// Leads no more: stand for election again.
        case stand
        /// Nothing to do before this uptime unless something happens.
        case wait(until: Duration?)
    }

    /// What is desired, and which document says so.
    public struct Wish: Hashable, Sendable {
        public var state: DesiredState
        /// Nil on a host alone.
        public var document: DesiredDocument?
        /// Of the document's bytes.
        public var digest: String?

        public init(state: DesiredState, document: DesiredDocument? = nil, digest: String? = nil) {
            self.state = state
            self.document = document
            self.digest = digest
        }
    }

    /// What lies in the store as the desired document.
    public struct DesiredView: Hashable, Sendable {
        /// Nil where there is none.
        public var digest: String?
        /// Nil where it cannot be read, and then `problem` says why.
        public var wish: Wish?
        public var problem: String?

        public init(digest: String? = nil, wish: Wish? = nil, problem: String? = nil) {
            self.digest = digest
            self.wish = wish
            self.problem = problem
        }
    }

    /// The rollout's document with what it names.
    public struct RolloutView: Hashable, Sendable {
        public var document: RolloutDocument
        /// Of its bytes; nil where there is none.
        public var digest: String?
        /// What the rollout would have; nil where there is none or it cannot be read, and then `problem` says why.
        public var wish: Wish?
        public var problem: String?
        /// The newest generation of it; nil before there is one.
        public var canary: Publication?

        /// Whether it is not known what the rollout is.
        var isUnreadable: Bool { document.frozen?.author == Freeze.nobody }

        public init(
            document: RolloutDocument = RolloutDocument(), digest: String? = nil, wish: Wish? = nil,
            problem: String? = nil, canary: Publication? = nil
        ) {
            self.document = document
            self.digest = digest
            self.wish = wish
            self.problem = problem
            self.canary = canary
        }

        /// What keeps it from going on until a person does something, in a line with the command; nil where nothing does.
        public var trouble: String? {
            guard let problem, wish == nil, let rollout = document.rollout, rollout.state == .confirmed, !rollout.isOver
            else { return nil }
            return "rollout \(rollout.id) was confirmed and waits, as its document cannot be read: \(problem); "
                + "to give it up: sluicectl rollback"
        }
    }

    /// Deadlines are in UTC, which may jump: it is looked at so often.
    static let longestWait = Duration.seconds(60)

    public internal(set) var epoch: UInt64?
    /// What the last document did not pass, or the last publication failed of.
    public internal(set) var problem: String?
    public internal(set) var fenced: UInt64 = 0
    /// Pairs of its own of which a host reported another digest.
    public internal(set) var forks: UInt64 = 0
    /// Services of which the catalog would take away too much.
    public internal(set) var held: [HeldBack] = []
    /// Services whose catalog was never read.
    public internal(set) var unread: [String] = []
    /// Instances that are left out.
    public internal(set) var instanceProblems: [String] = []
    public internal(set) var register = HostRegister()
    public internal(set) var rollout = RolloutView()

    let seed: UInt64
    var desired: Wish?
    /// What `previous` was made of, as far as this host knows: `desired` may be ahead of it.
    var made: DesiredState?
    /// Of the desired document in the store.
    var desiredDigest: String?
    /// A document that has not yet made a generation: takes the place of `desired` when it does.
    var proposed: Wish?
    var overrides: [Override] = []
    var exceptions: [String: (override: Override, digest: String)] = [:]
    var catalog = Catalog()
    var history: Record?
    var settled: (services: Set<String>, under: Mark)?
    var previous: Publication?
    /// Of what this leadership has published, and begun with.
    var pools = PoolWindow()
    var stored: Mark?
    /// Whose store it publishes in.
    var identity: FleetIdentity?
    /// The newest generation of the canary.
    var canaryLine: Publication?
    var watch: CanaryWatch?
    /// What it is writing as the rollout.
    var writtenRollout: (document: RolloutDocument, over: String?)?
    /// To be removed.
    var unnamed: Set<String> = []
    /// Being removed.
    var deleting: Set<String> = []
    var chores = Chores()
    /// What it is writing as the history.
    var written: HistoryDocument?
    /// What this leadership tried to publish since it last succeeded.
    var attempts: [Generation] = []
    /// The digests of what this leadership has published or kept, by number.
    var ownDigests: [UInt64: String] = [:]
    var isBusy = false
    /// Documents that somebody else has written: not to be written before they are read again.
    var overtaken: Set<FleetKey> = []
    var pace = PublishPace()
    var nextKeep: Duration?
    var backOff = BackOff(first: .seconds(1), longest: .seconds(30))

    /// `seed` is the fleet's secret for its first generation; later ones carry it on.
    public init(seed: UInt64) { self.seed = seed }

    public mutating func handle(_ event: Event, at now: Moment) -> Action {
        switch event {
        case .elected(let epoch, let stored, let kept, let store):
            identity = store
            lead(in: epoch, stored: stored, kept: kept, at: now)
        case .refused(let cause):
            deposed(cause)
            return .stand
        case .lost: end()
        case .published(let publication): published(publication, at: now)
        case .kept(let publication): kept(publication)
        case .wrote(let key, let document): wrote(key, document)
        case .overtaken(let key):
            if Chore(writing: key) == nil { isBusy = false } else { endChore { $0.dropped() } }
            overtaken.insert(key)
        case .swept: endChore { $0.succeeded() }
        case .failed(let cause): failed(cause, at: now)
        case .undone(let cause): endChore { $0.failed(cause, at: now.uptime) }
        case .settled(let services, let under): settled = (services, under)
        case .tick: break
        default: learn(event, at: now)
        }
        return decide(at: now)
    }

    /// What the world is like, whoever leads.
    private mutating func learn(_ event: Event, at now: Moment) {
        switch event {
        case .desired(let document): proposed = Wish(state: document)
        case .applied(let view): take(view)
        case .overrides(let all): overrides = all
        case .exceptions(let all):
            exceptions = all
            overrides = all.sorted { $0.key < $1.key }.map(\.value.override)
            overtaken = overtaken.filter { if case .override = $0 { false } else { true } }
        case .catalog(let catalog): self.catalog = catalog
        case .reports(let reports): register.note(reports, at: now.uptime)
        case .reported(let report): register.note(own: report, at: now.uptime)
        case .rollout(let view): take(view, at: now)
        case .unnamed(let digests, let current, let canary):
            // What was published meanwhile may name them again.
            let isNow = current == previous?.mark && canary == canaryLine?.mark
            unnamed = isNow && !isBusy && chores.current != .sweep ? digests : []
        case .history(let document, let digest):
            overtaken.remove(.history)
            if epoch == nil || history == nil {
                history = Record(stored: document, digest: digest)
            } else {
                history?.read(document, digest: digest)
            }
        default: break
        }
    }

    private mutating func take(_ view: DesiredView) {
        overtaken.remove(.desired)
        desiredDigest = view.digest
        if let trouble = view.problem { problem = trouble }
        // The store tells of what is known already, after each election.
        guard let wish = view.wish, proposed != nil || wish.digest != desired?.digest else { return }
        proposed = wish
    }
}

// MARK: - What becomes of a leadership

extension Leader {
    private mutating func lead(in epoch: UInt64, stored: Publication?, kept: Publication?, at now: Moment) {
        self.epoch = epoch
        self.stored = stored?.mark
        ownDigests = [:]
        attempts = []
        overtaken = []
        isBusy = false
        endChore { $0 = Chores() }
        watch = nil
        backOff.succeeded()
        // A store that was lost or put back in time is behind its own hosts: the higher one goes on.
        previous = stored
        if let kept, stored.map({ kept.mark.isAbove($0.mark) }) ?? true, kept.digest != canaryLine?.digest {
            previous = kept
        }
        pools =
            previous.map {
                PoolWindow($0.generation, overrides: overrides, utc: now.utc, uptime: now.uptime)
            } ?? PoolWindow()
        dropOldLine()
        // A document of an earlier tenure, where this version cannot read the one that is in the store now.
        if proposed == nil, let desiredDigest, desired?.digest != desiredDigest { desired = nil }
        if desired == nil, proposed == nil, let previous {
            desired = Wish(state: DesiredState(asOf: previous.generation, overrides: overrides))
        }
        made = desired?.state
    }

    private mutating func end() {
        epoch = nil
        isBusy = false
        watch = nil
    }

    private mutating func deposed(_ cause: String) {
        end()
        fenced += 1
        problem = cause
    }

    private mutating func published(_ publication: Publication, at now: Moment) {
        isBusy = false
        pools.note(publication.generation, at: now.uptime)
        attempts = []
        previous = publication
        made = desired?.state
        stored = publication.mark
        ownDigests[publication.mark.number] = publication.digest
        backOff.succeeded()
        unnamed = []
        dropOldLine()
        noteMade()
        if proposed == nil { problem = nil }
    }

    /// A line without a rollout is over when what is published is above it.
    private mutating func dropOldLine() {
        guard isOrphaned, let line = canaryLine?.mark else { return }
        if previous?.mark.isAbove(line) ?? true { canaryLine = nil }
    }

    private mutating func kept(_ publication: Publication) {
        isBusy = false
        canaryLine = publication
        unnamed = []
        ownDigests[publication.mark.number] = publication.digest
        backOff.succeeded()
    }

    private mutating func wrote(_ key: FleetKey, _ document: StoredDocument?) {
        if Chore(writing: key) == nil {
            isBusy = false
            backOff.succeeded()
        }
        switch key {
        case .rollout: wroteRollout(document)
        case .history:
            if let written { history?.wrote(written, digest: document?.digest) }
            endChore { $0.succeeded() }
        case .override(let id):
            exceptions[id] = nil
            endChore { $0.succeeded() }
        case .desired:
            if desiredDigest == rollout.document.rollout?.from { desiredDigest = document?.digest }
        case .host: break
        }
    }

    /// Whether this leadership tried to publish it.
    func wrote(_ generation: Generation) -> Bool { attempts.contains(generation) }

    private mutating func failed(_ cause: String, at now: Moment) {
        isBusy = false
        problem = cause
        backOff.failed(at: now.uptime)
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
            }, routing: generation.routing)
    }
}
