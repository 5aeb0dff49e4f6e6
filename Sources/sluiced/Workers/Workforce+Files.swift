// SPDX-License-Identifier: Apache-2.0

import Model

// Listeners whose certificates are files of this host.
extension Workforce {
    /// Opens what is not open yet.
    func open(_ wanted: Set<ListenerKey>) -> [String] {
        var problems: [String] = []
        for key in wanted.sorted() where !isOpen(key) && !(key.kind != .relay && files.lacks(key.vip)) {
            do { try listeners.open(key) } catch { problems.append("no connection comes to \(key.vip): \(error)") }
        }
        return problems
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
