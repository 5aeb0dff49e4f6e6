// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import Logging
import Model
import Reconciler
import Relay

/// The processes that carry connections, and the sockets they take them from. Workers go on when the daemon ends; the
/// next one adopts those of its own program, and lets others finish while its own take over their sockets.
///
/// Its loop is its own: its calls wait for workers.
actor Workforce {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    let spawn: WorkerSpawn
    let logger: Logger
    var listeners: ListenerSockets
    /// By slot. Which sockets each has lies beside.
    var workers: [Int: WorkerLink] = [:]
    var handed: [Int: Set<HandedSocket>] = [:]
    /// Of another program or place: they accept until their successors do.
    var replaced: [WorkerLink] = []
    /// Those that finish what is under way.
    var leaving: [WorkerLink] = []
    /// Sockets of workers that did not answer, by path.
    var unreached: [String: Unreached] = [:]
    /// What ended workers had counted.
    var ended = WorkerFigures()
    /// Nil: each counts alone.
    var sharing: WorkerSharing?
    /// In force, with the services that sockets carry.
    var order: WorkerOrder?
    var relayed: [PlacedService] = []
    /// Whole, and what this host's probes see down.
    var latest: (generation: Generation, down: Set<BackendID>)?
    var files = ListenerFiles()
    var logFiles = AccessLogFiles()
    /// Listeners that could not be opened, and why.
    var unopened: [ListenerKey: String] = [:]
    /// Of each place: when its last worker was started, and when another may be.
    var starts: [Int: BackOff] = [:]
    var started: [Int: Duration] = [:]
    var children: Set<pid_t> = []
    var isAdopted = false
    private let clock = ContinuousClock()
    private let began = ContinuousClock.now

    /// One socket of a listener, by its place.
    struct HandedSocket: Hashable {
        let key: ListenerKey
        let place: Int
    }

    private static let lookInterval = Duration.milliseconds(500)
    /// Looks between two questions for what workers have counted.
    private static let looksPerCount = 10

    /// A fresh worker is connected to before it looks: its socket is there already.
    init(loop: EventLoop, spawn: WorkerSpawn, listeners: ListenerSockets, logger: Logger) {
        self.loop = loop
        self.spawn = spawn
        self.listeners = listeners
        self.logger = logger
        do {
            sharing = try WorkerSharing()
        } catch {
            logger.error("limits of services are divided among the workers", metadata: ["cause": "\(error)"])
        }
    }

    /// Looks after the workers until cancelled; they go on then.
    func run() async {
        var looks = 0
        while !Task.isCancelled {
            do { try await Task.sleep(for: Self.lookInterval) } catch { return }
            look()
            lookAtFiles()
            lookAtLogs()
            looks += 1
            if looks.isMultiple(of: Self.looksPerCount) { _ = count() }
        }
    }

    /// Starts what is missing, tries again what failed, and lets go of whom nobody needs.
    func look() {
        reap()
        sharing?.sweep()
        meetAgain()
        if order == nil {
            // Met again after all was over.
            if !workers.isEmpty || !replaced.isEmpty { letGo() }
            return
        }
        openAgain()
        if !listeners.keys.isEmpty { fill() }
        dismissReplaced()
    }

    // MARK: Looking

    /// What is served over HTTP.
    var routing: Routing { latest?.generation.routing ?? Routing() }

    /// Workers that have a socket of the listener.
    func takers(of key: ListenerKey) -> Int { handed.values.count { $0.contains { $0.key == key } } }

    /// Those that take connections, and those that finish.
    var everybody: [WorkerLink] { workers.sorted { $0.key < $1.key }.map(\.value) + replaced + leaving }

    // MARK: Orders

    /// Makes the workers serve these services of a generation. What they served else they serve until `finish`.
    ///
    /// - Returns: what a person should know.
    func apply(_ generation: Generation, services: [PlacedService], down: Set<BackendID>) -> [String] {
        if !isAdopted { adopt() }
        let wanted = Self.keys(generation.routing, services)
        relayed = CarriedServices.carried(
            services, of: generation, earlier: relayed, open: listeners.keys.subtracting(wanted))
        latest = (generation, down)
        _ = files.look(generation.routing, at: uptime)
        logFiles.look(generation.routing)
        tellLeaving()
        guard !wanted.isEmpty || !relayed.isEmpty || !listeners.keys.isEmpty else { return [] }
        order = WorkerOrder(
            generation, services: relayed, down: down, workers: listeners.workers, tls: files.materials)
        let problems = files.problems + logFiles.problems + open(wanted)
        fill()
        tellOrder()
        hand(listeners.keys.intersection(wanted))
        let spreading = direct(generation.seed)
        dismissReplaced()
        let keys = listeners.keys.intersection(wanted).sorted()
        return problems + spreading + missing + keys.compactMap { ListenerSockets.warning(of: $0.vip) }
    }

    /// Ends what is no longer served by sockets.
    func finish(services: [PlacedService]) {
        let wanted = Self.keys(routing, services)
        unopened = unopened.filter { wanted.contains($0.key) }
        for key in listeners.keys.subtracting(wanted).sorted() {
            for (slot, worker) in workers { attempt(slot) { try worker.tell(.stopListening(key)) } }
            for worker in replaced { attempt(worker) { try worker.tell(.stopListening(key)) } }
            handed = handed.mapValues { $0.filter { $0.key != key } }
            listeners.close(key)
        }
        guard wanted.isEmpty else { return }
        // Nothing is left to take: they finish and end.
        letGo()
        (order, relayed) = (nil, [])
    }

    var uptime: Duration { began.duration(to: clock.now) }
}
