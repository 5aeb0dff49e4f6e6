// SPDX-License-Identifier: Apache-2.0

import Model

// What workers are told.
extension Workforce {
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

    func tellLeaving() {
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
        // First: no request goes by without its line.
        tellLogs()
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

    /// - Returns: what a person should know.
    func direct(_ seed: UInt64) -> [String] {
        relayed.compactMap { placed in
            listeners.direct(placed, ListenerKey(.relay, placed.service.vip), seed: placed.flowSeed(of: seed))
        }
    }

    var missing: [String] {
        let count = listeners.workers - workers.count
        return count > 0 ? ["\(count) of \(listeners.workers) workers do not run; the log says why"] : []
    }
}
