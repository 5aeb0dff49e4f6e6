// SPDX-License-Identifier: Apache-2.0

import Model

// Listeners whose certificates are files of this host.
extension Workforce {
    /// Opens what is not open yet. What cannot be opened now (its port is another's) is tried again with each look.
    func open(_ wanted: Set<ListenerKey>) -> [String] {
        unopened = unopened.filter { wanted.contains($0.key) }
        for key in wanted.sorted() where !isOpen(key) && !(key.kind != .relay && files.lacks(key.vip)) {
            do {
                try listeners.open(key)
                unopened[key] = nil
            } catch {
                unopened[key] = "\(error)"
            }
        }
        return unopened.sorted { $0.key < $1.key }.map { "no connection comes to \($0.vip): \($1)" }
    }

    /// Whoever had their ports may have left.
    func openAgain() {
        let missing = Set(unopened.keys)
        guard let latest, !missing.isEmpty else { return }
        _ = open(missing)
        let opened = missing.subtracting(unopened.keys)
        guard !opened.isEmpty else { return }
        for key in opened.sorted() { logger.info("listener opened", metadata: ["listener": "\(key.vip)"]) }
        hand(opened)
        for problem in direct(latest.generation.seed) { logger.warning("\(problem)") }
    }

    /// Certificates that have changed come into force for new connections.
    func lookAtFiles() {
        guard order != nil else { return }
        let change = files.look(routing, at: uptime)
        if change.isEmpty { return }
        order?.tls = files.materials
        let wanted = Self.keys(routing, [])
        for problem in files.problems + open(wanted) { logger.error("\(problem)") }
        if change.contains(.files), files.problems.isEmpty { logger.info("certificates read") }
        tellOrder()
        hand(listeners.keys.intersection(wanted))
    }
}
