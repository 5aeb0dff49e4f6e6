// SPDX-License-Identifier: Apache-2.0

import Model

/// What becomes of listeners and routes, as it is printed; its keys are stable.
struct PlanRouting: Encodable {
    struct Part: Encodable {
        var name: String
        /// added, removed or changed.
        var change: String
        var settings: [PlanReport.Setting]
        /// Of one that is added or removed: what it is, but what is `none`.
        var values: [String: String]?
    }

    var listeners: [Part]
    var routes: [Part]
    /// Routes that stay come in another order.
    var isReordered: Bool

    init(from old: Routing, to new: Routing) {
        listeners = RoutingChange.listeners(from: old, to: new).map(Part.init)
        routes = RoutingChange.routes(from: old, to: new).map(Part.init)
        isReordered = RoutingChange.reorders(from: old, to: new)
    }

    var isEmpty: Bool { listeners.isEmpty && routes.isEmpty && !isReordered }

    /// For people.
    var text: String {
        let all =
            listeners.flatMap { lines(of: $0, "listener \($0.name)") }
            + routes.flatMap { lines(of: $0, "route \($0.name)") }
            + (isReordered ? ["routes  ~  another order: of those that ask for equally much the first takes it"] : [])
        return all.map { $0 + "\n" }.joined()
    }

    /// `1 listener, 2 routes`.
    var count: String {
        func number(_ count: Int, _ what: String) -> [String] {
            count > 0 ? ["\(count) \(what)\(count == 1 ? "" : "s")"] : []
        }
        let parts = number(listeners.count, "listener") + number(routes.count, "route")
        return parts.isEmpty ? "the order of routes" : parts.joined(separator: ", ")
    }

    private func lines(of part: Part, _ name: String) -> [String] {
        guard part.change == "changed" else {
            let keys = ["address", "port", "services", "upstream", "access-log"]
            let values = keys.compactMap { key in part.values?[key].map { "\(key) \($0)" } }
            return ["\(name)  \(part.change == "added" ? "+" : "-")  \(values.joined(separator: ", "))"]
        }
        return [name] + part.settings.map { "  ~  \($0.key): \($0.from) becomes \($0.to)" }
    }
}

extension PlanRouting.Part {
    fileprivate init(_ change: RoutingChange) {
        name = change.name
        self.change = change.kind.rawValue
        settings = change.changes.map { .init(key: $0.key, from: $0.from, to: $0.to) }
        guard change.kind != .changed else { return }
        let named = change.settings.filter { $0.value != "none" }
        values = Dictionary(named.map { ($0.key, $0.value) }) { first, _ in first }
    }
}
