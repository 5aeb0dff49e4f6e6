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
    /// In force, with the services that sockets carry.
    var order: WorkerOrder?
    private(set) var relayed: [PlacedService] = []
    /// Whole, and what this host's probes see down.
    private var latest: (generation: Generation, down: Set<BackendID>)?
    var files = ListenerFiles()
    /// Of each place: when its last worker was started, and when another may be.
    private var starts: [Int: BackOff] = [:]
    private var started: [Int: Duration] = [:]
    private var children: Set<pid_t> = []
    private var isAdopted = false
    private let clock = ContinuousClock()
    private let began = ContinuousClock.now

    /// One socket of a listener, by its place.
    struct HandedSocket: Hashable {
        let key: ListenerKey
        let place: Int
    }

    /// A worker that lived for so long has not failed by its start.
    private static let soundAge = Duration.seconds(5)
    private static let lookInterval = Duration.milliseconds(500)
    /// Looks between two questions for what workers have counted.
    private static let looksPerCount = 10

    /// A fresh worker is connected to before it looks: its socket is there already.
    init(loop: EventLoop, spawn: WorkerSpawn, listeners: ListenerSockets, logger: Logger) {
        self.loop = loop
        self.spawn = spawn
        self.listeners = listeners
        self.logger = logger
    }

    /// Looks after the workers until cancelled; they go on then.
    func run() async {
        var looks = 0
        while !Task.isCancelled {
            do { try await Task.sleep(for: Self.lookInterval) } catch { return }
            look()
            lookAtFiles()
            looks += 1
            if looks.isMultiple(of: Self.looksPerCount) { _ = count() }
        }
    }

    /// Starts what is missing, tries again what failed, and lets go of whom nobody needs.
    func look() {
        reap()
        meetAgain()
        if order == nil {
            // Met again after all was over.
            if !workers.isEmpty || !replaced.isEmpty { letGo() }
            return
        }
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
        tellLeaving()
        guard !wanted.isEmpty || !relayed.isEmpty || !listeners.keys.isEmpty else { return [] }
        order = WorkerOrder(
            generation, services: relayed, down: down, workers: listeners.workers, tls: files.materials)
        let problems = files.problems + open(wanted)
        fill()
        tellOrder()
        hand(listeners.keys.intersection(wanted))
        direct(generation.seed)
        dismissReplaced()
        let keys = listeners.keys.intersection(wanted).sorted()
        return problems + missing + keys.compactMap { ListenerSockets.warning(of: $0.vip) }
    }

    /// Ends what is no longer served by sockets.
    func finish(services: [PlacedService]) {
        let wanted = Self.keys(routing, services)
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

    /// The sockets for these.
    static func keys(_ routing: Routing, _ services: [PlacedService]) -> Set<ListenerKey> {
        Set(
            services.map { ListenerKey(.relay, $0.service.vip) } + routing.listeners.map(ListenerKey.init)
        )
    }

    func isOpen(_ key: ListenerKey) -> Bool {
        guard let slots = listeners.sockets[key] else { return false }
        return (0..<listeners.workers).allSatisfy { slots[$0] != nil }
    }

    func tellOrder() {
        guard let order else { return }
        for (slot, worker) in workers { attempt(slot) { try worker.tell(.apply, beside: order) } }
        for worker in replaced { attempt(worker) { try worker.tell(.apply, beside: order) } }
    }

    private func tellLeaving() {
        for worker in leaving { tellLeaving(worker) }
    }

    /// Drains and dead backends are its connections' matter too, whatever sockets serve meanwhile.
    func tellLeaving(_ worker: WorkerLink) {
        guard let latest else { return }
        attempt(worker) {
            worker.counted = try worker.figures(.report, as: WorkerFigures.self).checked
            let active = Set(worker.counted.services.filter { $0.active > 0 }.map(\.id))
            let services = latest.generation.services.filter { active.contains($0.id.rawValue) }
            try worker.tell(
                .apply,
                beside: WorkerOrder(
                    latest.generation, services: services, down: latest.down, workers: listeners.workers,
                    tls: files.materials))
        }
    }

    func hand(_ keys: Set<ListenerKey>) {
        for (slot, worker) in workers.sorted(by: { $0.key < $1.key }) {
            for key in keys.sorted() { hand(key, to: worker, slot) }
        }
    }

    private func hand(_ key: ListenerKey, to worker: WorkerLink, _ slot: Int) {
        for place in listeners.places(of: key, slot: slot) {
            let handing = HandedSocket(key: key, place: place)
            guard workers[slot] === worker, handed[slot]?.contains(handing) != true,
                let socket = listeners.sockets[key]?[place]
            else { continue }
            attempt(slot) {
                try worker.tell(.listen(key), passing: socket.descriptor.rawValue)
                handed[slot, default: []].insert(handing)
            }
        }
    }

    private func direct(_ seed: UInt64) {
        for placed in relayed {
            listeners.direct(placed, ListenerKey(.relay, placed.service.vip), seed: placed.flowSeed(of: seed))
        }
    }

    private var missing: [String] {
        let count = listeners.workers - workers.count
        return count > 0 ? ["\(count) of \(listeners.workers) workers do not run; the log says why"] : []
    }

    // MARK: Workers

    /// Starts what is missing, and gives it all that it needs.
    private func fill() {
        for slot in 0..<listeners.workers where workers[slot] == nil {
            var backOff = starts[slot] ?? BackOff(first: .milliseconds(100), longest: .seconds(5))
            guard backOff.allows(at: uptime) else { continue }
            if let last = started[slot] {
                if uptime - last > Self.soundAge { backOff.succeeded() } else { backOff.failed(at: uptime) }
            }
            starts[slot] = backOff
            started[slot] = uptime
            start(slot)
        }
    }

    private func start(_ slot: Int) {
        do {
            let (process, link) = try spawn.start(slot: slot)
            children.insert(process)
            let worker = try link.get()
            take(worker, slot)
            logger.info("worker started", metadata: ["worker": "\(slot)", "process": "\(process)"])
            guard let order else { return }
            attempt(slot) { try worker.tell(.apply, beside: order) }
            hand(listeners.keys)
        } catch {
            logger.error("worker not started", metadata: ["worker": "\(slot)", "cause": "\(error)"])
        }
    }

    func take(_ worker: WorkerLink, _ slot: Int) {
        workers[slot] = worker
        handed[slot] = []
        watch(worker)
    }

    func watch(_ worker: WorkerLink) {
        do {
            try worker.watch(on: loop) { [weak self, unowned worker] in
                self?.assumeIsolated { $0.gone(worker) }
            }
        } catch {
            logger.error("worker not watched", metadata: ["cause": "\(error)"])
        }
    }

    /// A worker's end of the connection is closed: it has ended.
    private func gone(_ worker: WorkerLink) {
        let process: Logger.Metadata = ["process": "\(worker.peer.process)"]
        guard workers.contains(where: { $0.value === worker }) else {
            logger.info("worker has finished", metadata: process)
            ended.add(worker.counted.withoutActive)
            release(worker)
            forget(worker)
            // Its end of the connection is closed; whether it lives the next look says.
            unreached[worker.path] = Unreached(peer: worker.peer, next: uptime)
            return
        }
        logger.error("worker ended", metadata: process)
        end(worker)
        if order != nil, !listeners.keys.isEmpty { fill() }
    }

    /// Its connection is used no more.
    func release(_ worker: WorkerLink) {
        if let registration = worker.registration { loop.deregister(registration) }
        worker.registration = nil
        reap()
    }

    /// It is nobody's any more.
    func forget(_ worker: WorkerLink) {
        if let slot = workers.first(where: { $0.value === worker })?.key {
            workers[slot] = nil
            handed[slot] = nil
        }
        replaced.removeAll { $0 === worker }
        leaving.removeAll { $0 === worker }
    }

    /// One that does not answer is ended; another takes its place.
    private func attempt(_ slot: Int, _ body: () throws -> Void) {
        guard let worker = workers[slot] else { return }
        do {
            try body()
        } catch let refusal as WorkerRefusal {
            logger.error("\(refusal)", metadata: ["worker": "\(slot)"])
        } catch {
            discard(worker, because: error)
        }
    }

    /// Of one that takes connections and has not answered what it was asked. A late answer would be taken for the next
    /// one's.
    func discard(_ worker: WorkerLink, because error: any Error) {
        logger.error(
            "worker does not answer", metadata: ["process": "\(worker.peer.process)", "cause": "\(error)"])
        guard workers.contains(where: { $0.value === worker }) else { return retry(worker) }
        end(worker)
    }

    /// Of one in a slot, whether it lives or not: its place is free.
    private func end(_ worker: WorkerLink) {
        worker.peer.kill()
        ended.add(worker.counted.withoutActive)
        release(worker)
        unlink(worker.path)
        forget(worker)
    }

    private func reap() {
        for child in children {
            var status: Int32 = 0
            if waitpid(child, &status, WNOHANG) == child { children.remove(child) }
        }
    }

    var uptime: Duration { began.duration(to: clock.now) }

    private func adopt() {
        isAdopted = true
        do {
            for path in try spawn.prepare() { adopt(at: path) }
        } catch {
            logger.error("no worker can be started", metadata: ["cause": "\(error)"])
        }
    }
}
