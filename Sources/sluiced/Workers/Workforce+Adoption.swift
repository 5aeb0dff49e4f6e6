// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc

// What an earlier daemon left, and workers that leave.
extension Workforce {
    /// A worker that did not answer: it may live, and is asked again later.
    struct Unreached {
        /// Where it is known.
        var peer: WorkerPeer?
        /// What it had counted is kept here; it may say more by this when it ends.
        var link: WorkerLink?
        var tries = 0
        var next: Duration
    }

    /// Then it is ended, where it is known.
    private static let triesMax = 3
    private static let retryAfter = Duration.seconds(5)

    /// Once, before the first order: those that an earlier daemon left.
    func adopt() {
        isAdopted = true
        do {
            for path in try spawn.prepare() { adopt(at: path) }
        } catch {
            logger.error("no worker can be started", metadata: ["cause": "\(error)"])
        }
    }

    /// Asks again those that did not answer. What one brings that has found its place taken goes to the others at once:
    /// it is to leave, and nobody else would take what waits in its sockets' queues.
    func meetAgain() {
        let met = due().filter { adopt(at: $0) }
        guard !met.isEmpty, order != nil else { return }
        tellOrder()
        hand(listeners.keys)
    }

    /// Takes back the sockets of a worker that runs, and with them the worker if it is of this program.
    ///
    /// - Returns: whether it has answered.
    @discardableResult
    func adopt(at path: String) -> Bool {
        var peer: WorkerPeer?
        do {
            let worker = try spawn.link(at: path)
            peer = worker.peer
            worker.counted = unreached[path]?.link?.counted ?? WorkerFigures()
            worker.place = unreached[path]?.link?.place
            try adopt(worker)
            // It may have been lost again at once.
            guard everybody.contains(where: { $0 === worker }) else { return false }
            unreached[path] = nil
            return true
        } catch let error as EventLoopError where error.errno == ECONNREFUSED || error.errno == ENOENT {
            // Nobody is behind it any more.
            unlink(path)
            bury(unreached.removeValue(forKey: path))
        } catch {
            logger.error("worker not adopted yet", metadata: ["socket": "\(path)", "cause": "\(error)"])
            missed(path, peer)
        }
        return false
    }

    private func bury(_ entry: Unreached?) {
        guard let link = entry?.link else { return }
        link.hearParting()
        ended.add(link.counted.withoutActive)
        sharing?.leave(link.place)
    }

    private func adopt(_ worker: WorkerLink) throws {
        let identity = worker.identity
        guard !identity.isDraining else {
            leaving.append(worker)
            watch(worker)
            share(with: worker)
            guard leaving.contains(where: { $0 === worker }) else { return }
            return tellLeaving(worker)
        }
        let found = try worker.listeners()
        let places = found.map { key, socket in
            HandedSocket(key: key, place: listeners.adopt(socket, for: key, slot: identity.slot))
        }
        let isOurs = identity.program == WorkerProgram.own && worker.peer.user == spawn.user
        if isOurs, identity.slot < listeners.workers, workers[identity.slot] == nil {
            take(worker, identity.slot)
            if workers[identity.slot] === worker { handed[identity.slot] = Set(places) }
        } else {
            replaced.append(worker)
            watch(worker)
            share(with: worker)
        }
        logger.info(
            isOurs ? "worker adopted" : "worker is of another program",
            metadata: [
                "worker": "\(identity.slot)", "process": "\(worker.peer.process)", "listeners": "\(found.count)",
            ])
    }

    /// Of one that leaves, or is to: what it carries is worth another try.
    func attempt(_ worker: WorkerLink, _ body: () throws -> Void) {
        do {
            try body()
        } catch let refusal as WorkerRefusal {
            logger.error("\(refusal)", metadata: ["process": "\(worker.peer.process)"])
        } catch {
            logger.error(
                "worker does not answer", metadata: ["process": "\(worker.peer.process)", "cause": "\(error)"])
            retry(worker)
        }
    }

    /// By another connection: on this one a late answer would be taken for the next one's.
    func retry(_ worker: WorkerLink) {
        release(worker)
        forget(worker)
        missed(worker.path, worker.peer)
        unreached[worker.path]?.link = worker
    }

    private func missed(_ path: String, _ peer: WorkerPeer?) {
        var entry = unreached[path] ?? Unreached(next: .zero)
        entry.peer = peer ?? entry.peer
        entry.tries += 1
        entry.next = uptime + Self.retryAfter * min(entry.tries, 6)
        if entry.tries > Self.triesMax { entry.peer?.kill() }
        unreached[path] = entry
    }

    /// Workers that are to be asked again now.
    func due() -> [String] { unreached.filter { $0.value.next <= uptime }.map(\.key).sorted() }

    /// Their successors accept now, from all sockets: one that they have refused, as its certificates do not serve, is
    /// the replaced ones' until they take it.
    func dismissReplaced() {
        guard !replaced.isEmpty, workers.count == listeners.workers, isAllTaken else { return }
        dismiss()
    }

    private var isAllTaken: Bool {
        listeners.sockets.allSatisfy { key, sockets in
            sockets.keys.allSatisfy { place in
                handed[place % listeners.workers]?.contains(HandedSocket(key: key, place: place)) == true
            }
        }
    }

    /// Nothing is left for anybody to take.
    func letGo() {
        replaced += workers.sorted { $0.key < $1.key }.map(\.value)
        (workers, handed) = ([:], [:])
        dismiss()
    }

    /// One that does not hear it keeps what it carries, and is told again.
    private func dismiss() {
        for worker in replaced {
            attempt(worker) {
                try worker.tell(.drain)
                replaced.removeAll { $0 === worker }
                leaving.append(worker)
            }
        }
    }
}
