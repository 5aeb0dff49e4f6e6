// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import Logging
import Reconciler

// Places of workers: they are filled, watched, and freed.
extension Workforce {
    /// A worker that lived for so long has not failed by its start.
    private static let soundAge = Duration.seconds(5)

    /// Starts what is missing, and gives it all that it needs.
    func fill() {
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
        share(with: worker)
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

    /// Gives it a place among the counts; again where it is met again, who knows what it has heard.
    func share(with worker: WorkerLink) {
        guard let sharing else { return }
        worker.place = worker.place ?? self.sharing?.enter()
        guard let place = worker.place else { return }
        do {
            try worker.tell(.share(place), passing: sharing.counts.rawValue)
        } catch let refusal as WorkerRefusal {
            logger.error("\(refusal)", metadata: ["process": "\(worker.peer.process)"])
        } catch {
            discard(worker, because: error)
        }
    }

    /// A worker's end of the connection is closed: it has ended.
    private func gone(_ worker: WorkerLink) {
        let process: Logger.Metadata = ["process": "\(worker.peer.process)"]
        guard workers.contains(where: { $0.value === worker }) else {
            logger.info("worker has finished", metadata: process)
            release(worker)
            forget(worker)
            worker.hearParting()
            // Its end of the connection is closed; whether it lives the next look says.
            unreached[worker.path] = Unreached(peer: worker.peer, link: worker, next: uptime)
            return
        }
        logger.error("worker ended", metadata: process)
        worker.hearParting()
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
    func attempt(_ slot: Int, _ body: () throws -> Void) {
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
    func end(_ worker: WorkerLink) {
        worker.peer.kill()
        ended.add(worker.counted.withoutActive)
        sharing?.leave(worker.place)
        release(worker)
        unlink(worker.path)
        forget(worker)
    }

    func reap() {
        for child in children {
            var status: Int32 = 0
            if waitpid(child, &status, WNOHANG) == child { children.remove(child) }
        }
    }
}
