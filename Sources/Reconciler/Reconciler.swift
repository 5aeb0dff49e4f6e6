// SPDX-License-Identifier: Apache-2.0

import Logging
import Model

/// Obeys the two machines: tells `Leader` and `Host` what happens, and does what they answer.
///
/// One inbox, one event after the other. What takes time runs beside it and reports back into the inbox.
public actor Reconciler {
    public struct Ports: Sendable {
        let store: any GenerationStore
        let election: any LeaderElection
        /// Nil on a host alone, whose documents are its files.
        let documents: (any FleetDocuments)?
        let catalog: any CatalogSource
        let health: any HealthSource
        let nextHops: any NextHopSource
        let applier: any Applier

        public init(
            store: any GenerationStore, election: any LeaderElection, documents: (any FleetDocuments)? = nil,
            catalog: any CatalogSource = NoCatalog(), health: any HealthSource, nextHops: any NextHopSource,
            applier: any Applier
        ) {
            self.store = store
            self.election = election
            self.documents = documents
            self.catalog = catalog
            self.health = health
            self.nextHops = nextHops
            self.applier = applier
        }
    }

    enum Input: Sendable {
        case leader(Leader.Event)
        case host(Host.Event)
        case woke(Timer, at: Duration)
        /// What became of a leader's work; void when its leadership is over.
        case done(Leader.Event, epoch: UInt64)
        case remembered(String?)
        case trouble(Trouble, String?)
    }

    /// One of the two timers.
    enum Timer: Hashable, Sendable {
        case leader, host
    }

    /// What goes wrong outside the machines; nil text: it is well again.
    enum Trouble: Hashable, Comparable, Sendable {
        case restore, document, election, store, rollout, overrides, report, name, published, persisted, remember,
            record
        case desired, hosts, history, blobs, chores, counters
    }

    /// So long after a store or an election failed it is tried again.
    static let retry = Duration.seconds(5)
    /// How often a host compares the kernel with what it was given.
    public static let verifyInterval = Duration.seconds(30)

    nonisolated let ports: Ports
    let state: HostState
    let clock: HostClock
    let logger: Logger
    /// Nil on a host alone.
    let fleet: FleetSettings?
    /// Of this run of the process.
    let instance = String(UInt64.random(in: 0 ... .max), radix: 16)
    var leader: Leader
    var host = Host()
    var drains: [Override] = []
    var lastEdit = 0
    var troubles: [Trouble: String] = [:]
    var lastError: ReconcilerStatus.LastError?
    var wakes: [Timer: Duration] = [:]
    var isolated: [String] = []
    var remembering: (isBusy: Bool, next: [BackendName: Int64]?) = (false, nil)
    /// While this host leads.
    var writer: (any FencedWriter)?
    var resignation: AsyncStream<Never>.Continuation?
    /// Whether the last candidacy came to a leadership.
    var hasHeld = false
    var asked: Set<CatalogQuery> = []
    var sweep = BlobSweep()
    /// The reading of the rollout that was begun last, and the one that was told of last.
    var rolloutReads: (begun: UInt64, told: UInt64) = (0, 0)
    var journey = Journey()

    private let inbox: AsyncStream<Input>
    nonisolated let post: AsyncStream<Input>.Continuation

    /// `seed` is the fleet's secret for its very first generation.
    public init(
        ports: Ports, state: HostState, logger: Logger, clock: HostClock = HostClock(), fleet: FleetSettings? = nil,
        seed: UInt64 = .random(in: 0 ... .max)
    ) {
        self.fleet = ports.documents == nil ? nil : fleet
        self.ports = ports
        self.state = state
        self.logger = logger
        self.clock = clock
        leader = Leader(seed: seed)
        (inbox, post) = AsyncStream.makeStream(of: Input.self)
    }

    /// Applies what the host accepted last, then follows the store and leads, until it is cancelled.
    ///
    /// What was applied stays when it ends.
    public func run() async throws {
        await restore()
        await withDiscardingTaskGroup { group in
            group.addTask { await self.follow() }
            if fleet?.isCandidate ?? true { group.addTask { await self.stand() } }
            group.addTask { await self.listen() }
            if let documents = ports.documents, let fleet {
                group.addTask { await self.follow(documents) }
                group.addTask { await self.report(as: fleet, to: documents) }
            }
            post.yield(.host(.started))
            for await input in inbox {
                for task in await take(input) { group.addTask(operation: task) }
            }
            group.cancelAll()
        }
    }

    private func restore() async {
        let restored = await state.restore()
        host = Host(
            kept: restored.publication, highWater: restored.highWater, down: restored.down,
            unconfirmed: restored.unconfirmed, identity: restored.identity, inFleet: fleet != nil,
            verifyInterval: Self.verifyInterval)
        // A fleet's exceptions lie in its store.
        drains = fleet == nil ? restored.drains : []
        for problem in restored.problems { logger.error("state not readable", metadata: ["problem": "\(problem)"]) }
        note(.restore, restored.problems.isEmpty ? nil : restored.problems.joined(separator: "\n"))
        post.yield(.leader(.overrides(drains)))
        if let mark = restored.publication?.mark {
            logger.info("going on from the last generation", metadata: ["generation": "\(mark)"])
        }
    }

    /// Work that an input leads to, to be run beside the inbox.
    typealias Work = @Sendable () async -> Void

    private func take(_ input: Input) async -> [Work] {
        let now = clock.now
        switch input {
        case .leader(let event):
            let work = tell(event, at: now)
            await askCatalog()
            return work
        case .done(let event, let epoch):
            guard leader.epoch == epoch else {
                // A leader that slept past its lease hears of a refusal when its leadership is over: it counts all the same.
                if case .refused = event { leader.fenced += 1 }
                return []
            }
            let work = tell(event, at: now)
            guard case .overtaken(let key) = event else { return work }
            // Looked at again at once: who wrote it may have been told of already.
            return work + [{ await self.relearn(key) }]
        case .host(let event):
            let before = host
            let actions = host.handle(event, at: now)
            logChanges(from: before)
            return await obey(actions)
        case .woke(let timer, let uptime):
            // An earlier one took its place meanwhile, and has been answered.
            guard wakes[timer] == uptime else { return [] }
            wakes[timer] = nil
            return await take(timer == .leader ? .leader(.tick) : .host(.tick))
        case .remembered(let trouble):
            note(.remember, trouble)
            remembering.isBusy = false
            return remember(nil)
        case .trouble(let trouble, let text):
            note(trouble, text)
            return []
        }
    }

    func note(_ trouble: Trouble, _ text: String?) {
        guard troubles[trouble] != text else { return }
        troubles[trouble] = text
        guard let text else { return }
        lastError = .init(text: text, at: clock.now.utc)
        for line in text.split(separator: "\n") { logger.warning("trouble", metadata: ["cause": "\(line)"]) }
    }
}
