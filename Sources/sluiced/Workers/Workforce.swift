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
    private let spawn: WorkerSpawn
    private let logger: Logger
    private(set) var listeners: ListenerSockets
    private var workers: [Int: WorkerLink] = [:]
    /// Those that finish what is under way.
    private var leaving: [WorkerLink] = []
    private var order: WorkerOrder?
    private var generation: Generation?
    /// Of each place: when its last worker was started, and when another may be.
    private var starts: [Int: BackOff] = [:]
    private var started: [Int: Duration] = [:]
    private var children: Set<pid_t> = []
    private var isAdopted = false
    private let clock = ContinuousClock()
    private let began = ContinuousClock.now

    /// A worker that lived for so long has not failed by its start.
    private static let soundAge = Duration.seconds(5)
    /// A fresh worker is connected to before it looks: its socket is there already.
    init(loop: EventLoop, spawn: WorkerSpawn, listeners: ListenerSockets, logger: Logger) {
        self.loop = loop
        self.spawn = spawn
        self.listeners = listeners
        self.logger = logger
    }

    /// Looks after the workers until cancelled; they go on then.
    func run() async {
        while !Task.isCancelled {
            do { try await Task.sleep(for: .milliseconds(500)) } catch { return }
            reap()
            if order != nil, !listeners.keys.isEmpty { fill() }
        }
    }

    // MARK: Looking

    /// The services that sockets serve.
    var relayed: [PlacedService] { generation?.services ?? [] }

    /// What is served over HTTP.
    var routing: Routing { generation?.routing ?? Routing() }

    /// Workers that have a socket of the listener.
    func takers(of key: ListenerKey) -> Int { handed.values.count { $0.contains(key) } }

    /// Those that take connections, and those that finish.
    var everybody: [WorkerLink] { workers.sorted { $0.key < $1.key }.map(\.value) + leaving }

    // MARK: Orders

    /// Makes the workers serve these services of a generation. What they served else they serve until `finish`.
    ///
    /// - Returns: what a person should know.
    func apply(_ generation: Generation, services: [PlacedService], down: Set<BackendID>) -> [String] {
        if !isAdopted { adopt() }
        let wanted = Self.keys(generation.routing, services)
        var relayed = generation
        relayed.services = CarriedServices.carried(
            services, of: generation, earlier: self.relayed, open: listeners.keys.subtracting(wanted))
        self.generation = relayed
        guard !wanted.isEmpty || !relayed.services.isEmpty || !listeners.keys.isEmpty else { return [] }
        order = WorkerOrder(generation, services: relayed.services, down: down, workers: listeners.workers)
        var problems: [String] = []
        for key in wanted.sorted() where !isOpen(key) {
            do { try listeners.open(key) } catch { problems.append("no connection comes to \(key.vip): \(error)") }
        }
        fill()
        tellOrder()
        hand(listeners.keys.intersection(wanted))
        direct(relayed)
        if workers.count == listeners.workers { dismiss() }
        let keys = listeners.keys.intersection(wanted).sorted()
        return problems + missing + keys.compactMap { ListenerSockets.warning(of: $0.vip) }
    }

    /// Ends what is no longer served by sockets.
    func finish(services: [PlacedService]) {
        let wanted = Self.keys(generation?.routing ?? Routing(), services)
        for key in listeners.keys.subtracting(wanted).sorted() {
            for (slot, worker) in workers { attempt(slot) { try worker.tell(.stopListening(key)) } }
            handed = handed.mapValues { $0.subtracting([key]) }
            listeners.close(key)
        }
        guard wanted.isEmpty else { return }
        // Nothing is left to take: they finish and end.
        for (slot, worker) in workers { attempt(slot) { try worker.tell(.drain) } }
        leaving += workers.values
        workers = [:]
        handed = [:]
        (order, generation) = (nil, nil)
    }

    /// The sockets for these.
    private static func keys(_ routing: Routing, _ services: [PlacedService]) -> Set<ListenerKey> {
        Set(
            services.map { ListenerKey(.relay, $0.service.vip) } + routing.listeners.map { ListenerKey(.http, $0.bind) }
        )
    }

    private func isOpen(_ key: ListenerKey) -> Bool {
        guard let slots = listeners.sockets[key] else { return false }
        return (0..<listeners.workers).allSatisfy { slots[$0] != nil }
    }

    /// Which sockets each worker has.
    private var handed: [Int: Set<ListenerKey>] = [:]

    private func tellOrder() {
        guard let order else { return }
        for (slot, worker) in workers { attempt(slot) { try worker.tell(.apply, beside: order) } }
    }

    private func hand(_ keys: Set<ListenerKey>) {
        for (slot, worker) in workers.sorted(by: { $0.key < $1.key }) {
            for key in keys.subtracting(handed[slot] ?? []).sorted() {
                guard let socket = listeners.sockets[key]?[slot] else { continue }
                attempt(slot) {
                    try worker.tell(.listen(key), passing: socket.descriptor.rawValue)
                    handed[slot, default: []].insert(key)
                }
            }
        }
    }

    private func direct(_ generation: Generation) {
        for placed in generation.services {
            listeners.direct(
                placed, ListenerKey(.relay, placed.service.vip), seed: placed.flowSeed(of: generation.seed))
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
            let (process, path) = try spawn.start(slot: slot)
            children.insert(process)
            let worker: WorkerLink
            do {
                worker = try WorkerLink(path: path)
            } catch {
                // What it said goes to the log of this process.
                kill(process, SIGKILL)
                unlink(path)
                throw error
            }
            take(worker, slot)
            logger.info("worker started", metadata: ["worker": "\(slot)", "process": "\(process)"])
            guard let order else { return }
            attempt(slot) { try worker.tell(.apply, beside: order) }
            hand(listeners.keys)
        } catch {
            logger.error("worker not started", metadata: ["worker": "\(slot)", "cause": "\(error)"])
        }
    }

    private func take(_ worker: WorkerLink, _ slot: Int) {
        workers[slot] = worker
        handed[slot] = []
        watch(worker)
    }

    private func watch(_ worker: WorkerLink) {
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
        release(worker)
        if let index = leaving.firstIndex(where: { $0 === worker }) {
            leaving.remove(at: index)
            logger.info("worker has finished", metadata: ["process": "\(worker.identity.process)"])
            return
        }
        guard let slot = workers.first(where: { $0.value === worker })?.key else { return }
        workers[slot] = nil
        logger.error(
            "worker ended", metadata: ["worker": "\(slot)", "process": "\(worker.identity.process)"])
        fill()
    }

    private func release(_ worker: WorkerLink) {
        if let registration = worker.registration { loop.deregister(registration) }
        worker.registration = nil
        unlink(worker.path)
        reap()
    }

    /// One that does not answer is ended; another takes its place.
    private func attempt(_ slot: Int, _ body: () throws -> Void) {
        do {
            try body()
        } catch let refusal as WorkerRefusal {
            logger.error("\(refusal)", metadata: ["worker": "\(slot)"])
        } catch {
            logger.error("worker does not answer", metadata: ["worker": "\(slot)", "cause": "\(error)"])
            guard let worker = workers[slot] else { return }
            // A late answer would be taken for the next one's.
            kill(worker.identity.process, SIGKILL)
            release(worker)
            workers[slot] = nil
        }
    }

    /// Of one that has not answered what it was asked: as above.
    func discard(_ worker: WorkerLink, because error: any Error) {
        logger.error(
            "worker does not answer",
            metadata: ["process": "\(worker.identity.process)", "cause": "\(error)"])
        kill(worker.identity.process, SIGKILL)
        gone(worker)
    }

    private func reap() {
        for child in children {
            var status: Int32 = 0
            if waitpid(child, &status, WNOHANG) == child { children.remove(child) }
        }
    }

    private var uptime: Duration { began.duration(to: clock.now) }

    // MARK: What an earlier daemon left

    /// Takes back the sockets of workers that run, and with them those workers that are of this program.
    private func adopt() {
        isAdopted = true
        let paths: [String]
        do {
            paths = try spawn.prepare()
        } catch {
            logger.error("no worker can be started", metadata: ["cause": "\(error)"])
            return
        }
        for path in paths {
            do {
                try adopt(try WorkerLink(path: path))
            } catch {
                // Nobody is behind it any more.
                unlink(path)
            }
        }
    }

    private func adopt(_ worker: WorkerLink) throws {
        let identity = worker.identity
        guard !identity.isDraining else {
            watch(worker)
            leaving.append(worker)
            return
        }
        let found = try worker.listeners()
        let isOurs = identity.program == WorkerProgram.own && identity.slot < listeners.workers
        for (key, socket) in found where identity.slot < listeners.workers {
            listeners.adopt(socket, for: key, slot: identity.slot)
        }
        if isOurs, workers[identity.slot] == nil {
            take(worker, identity.slot)
            handed[identity.slot] = Set(found.map(\.key))
        } else {
            watch(worker)
            replaced.append(worker)
        }
        logger.info(
            isOurs ? "worker adopted" : "worker is of another program",
            metadata: ["worker": "\(identity.slot)", "process": "\(identity.process)", "listeners": "\(found.count)"])
    }

    /// They accept until their successors do.
    private var replaced: [WorkerLink] = []

    private func dismiss() {
        for worker in replaced {
            do {
                try worker.tell(.drain)
                leaving.append(worker)
            } catch {
                logger.error("worker does not leave", metadata: ["cause": "\(error)"])
            }
        }
        replaced = []
    }
}
