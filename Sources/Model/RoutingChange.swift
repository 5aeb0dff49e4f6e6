// SPDX-License-Identifier: Apache-2.0

/// What becomes of one listener or one route.
public struct RoutingChange: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable {
        case added, removed, changed
    }

    /// Of a listener; of a route what it takes, and where it takes it.
    public let name: String
    public let kind: Kind
    /// What it is, as it is afterwards; of one that is removed, as it was.
    public let settings: [Setting]
    /// Of one that is changed.
    public let changes: [SettingChange]

    public struct Setting: Hashable, Sendable {
        public let key: String
        public let value: String
    }

    /// Of the listeners, by name.
    public static func listeners(from old: Routing, to new: Routing) -> [RoutingChange] {
        all(
            from: old.listeners.map { ($0.name, settings(of: $0)) },
            to: new.listeners.map { ($0.name, settings(of: $0)) })
    }

    /// Of the routes: those that are or change in the order of the new document, then those that go. A route is what it
    /// takes; one that takes something else is another.
    public static func routes(from old: Routing, to new: Routing) -> [RoutingChange] {
        all(
            from: old.routes.map { (name(of: $0), settings(of: $0)) },
            to: new.routes.map { (name(of: $0), settings(of: $0)) })
    }

    /// The routes that stay, in another order: of those that ask for equally much the first takes a request.
    public static func reorders(from old: Routing, to new: Routing) -> Bool {
        let (before, after) = (old.routes.map(name), new.routes.map(name))
        let stay = Set(before).intersection(after)
        return before.filter(stay.contains) != after.filter(stay.contains)
    }

    private static func all(
        from old: [(name: String, settings: [Setting])], to new: [(name: String, settings: [Setting])]
    ) -> [RoutingChange] {
        let before = Dictionary(old.map { ($0.name, $0.settings) }) { first, _ in first }
        let names = Set(new.map(\.name))
        let kept = new.compactMap { name, settings -> RoutingChange? in
            guard let earlier = before[name] else {
                return .init(name: name, kind: .added, settings: settings, changes: [])
            }
            let changes = changes(from: earlier, to: settings)
            return changes.isEmpty ? nil : .init(name: name, kind: .changed, settings: settings, changes: changes)
        }
        return kept
            + old.filter { !names.contains($0.name) }
            .map { .init(name: $0.name, kind: .removed, settings: $0.settings, changes: []) }
    }

    private static func changes(from old: [Setting], to new: [Setting]) -> [SettingChange] {
        let before = Dictionary(old.map { ($0.key, $0.value) }) { first, _ in first }
        return new.compactMap { setting in
            let earlier = before[setting.key] ?? "none"
            return earlier == setting.value ? nil : SettingChange(key: setting.key, from: earlier, to: setting.value)
        }
    }
}

// As the services document writes them.
extension RoutingChange {
    private static func settings(of listener: Listener) -> [Setting] {
        let tls = listener.tls
        let passages = listener.sniffing?.passages.map { "\($0.host) to \($0.service)" } ?? []
        let certificates = tls?.certificates.map { "\($0.chain) with \($0.key)" } ?? []
        return [
            Setting(key: "address", value: "\(listener.bind.address)"),
            Setting(key: "port", value: "\(listener.bind.port)"),
            Setting(key: "protocol", value: listener.speech.rawValue),
            Setting(key: "certificates", value: text(certificates)),
            Setting(key: "client-ca", value: tls?.clientAuthority ?? "none"),
            Setting(key: "protocols", value: text(tls?.speeches.map(\.rawValue).sorted() ?? [])),
            Setting(key: "min-version", value: tls?.minimumVersion.rawValue ?? "none"),
            Setting(key: "passthrough", value: text(passages)),
            Setting(key: "raw", value: listener.sniffing?.raw ?? "none"),
            Setting(key: "access-log", value: listener.accessLog ?? "none"),
            Setting(key: "forwarded", value: listener.forwarded.rawValue),
            Setting(key: "trusted-proxies", value: text(listener.trustedProxies.map { "\($0)" })),
        ]
    }

    private static func name(of route: Route) -> String {
        "\(route.match)" + (route.listener.map { " at \($0)" } ?? "")
    }

    private static func settings(of route: Route) -> [Setting] {
        let targets = route.targets.map { "\($0.service) w\($0.weight)" }
        let milliseconds = Int64((route.timeout / .milliseconds(1)).rounded())
        return [
            Setting(key: "services", value: text(targets)),
            Setting(key: "upstream", value: route.upstream.rawValue),
            Setting(
                key: "timeout",
                value: milliseconds.isMultiple(of: 1_000) ? "\(milliseconds / 1_000)s" : "\(milliseconds)ms"),
            Setting(key: "retries", value: "\(route.retries)"),
        ]
    }

    private static func text(_ list: [String]) -> String { list.isEmpty ? "none" : list.joined(separator: ", ") }
}
