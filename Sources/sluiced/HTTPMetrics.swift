// SPDX-License-Identifier: Apache-2.0

import Admin
import HTTP
import Model

/// What goes through this host's HTTP listeners. Series are those of the routes and backends in force, codes those of
/// IANA's registry.
struct HTTPMetrics {
    let workforce: Workforce

    func add(to text: inout MetricsText) async {
        let listeners = await workforce.httpListeners()
        if !listeners.isEmpty { Self.add(listeners, to: &text) }
    }

    static func add(_ listeners: [Counted], to text: inout MetricsText) {
        addRequests(listeners, to: &text)
        addConnections(listeners, to: &text)
        addBackends(listeners, to: &text)
        addRefusals(listeners, to: &text)
    }

    /// A listener's name with what was counted.
    struct Counted: Sendable {
        var name: String
        var figures: WorkerFigures.HTTPListener
        var traffic: ProxyTraffic { figures.traffic ?? ProxyTraffic() }
        var label: MetricsText.Label { .init("listener", name) }
    }

    private static func addRequests(_ listeners: [Counted], to text: inout MetricsText) {
        text.family(
            "sluice_http_requests", .counter,
            help: "Requests that are over, by route (empty: none took it) and status (none: no answer was sent)."
        ) { samples in
            for listener in listeners {
                for route in listener.traffic.routes {
                    for (code, count) in route.codes.sorted(by: { $0.key < $1.key }) {
                        samples.add(count, listener.label, .init("route", route.name), .init("code", code))
                    }
                }
            }
        }
        text.family(
            "sluice_http_request_duration_seconds", .histogram, unit: "seconds",
            help: "From a request's head to the end of its response."
        ) { samples in
            let bounds = ProxyTraffic.bounds.map { Double($0) / 1e6 }
            for listener in listeners {
                for route in listener.traffic.routes {
                    samples.add(
                        bounds: bounds, route.buckets, sum: Double(route.microseconds) / 1e6, listener.label,
                        .init("route", route.name))
                }
            }
        }
    }

    private static func addConnections(_ listeners: [Counted], to text: inout MetricsText) {
        text.family("sluice_http_connections", .counter, help: "Connections of clients.") { samples in
            for listener in listeners { samples.add(listener.figures.accepted, listener.label) }
        }
        text.family("sluice_http_open_connections", .gauge, help: "Connections of clients and to backends, now.") {
            samples in
            for listener in listeners { samples.add(UInt64(clamping: listener.figures.active), listener.label) }
        }
        text.family("sluice_http_retries", .counter, help: "Requests that were sent again.") { samples in
            for listener in listeners { samples.add(listener.traffic.retries, listener.label) }
        }
    }

    private static func addBackends(_ listeners: [Counted], to text: inout MetricsText) {
        var sum = ProxyTraffic()
        for listener in listeners { sum.add(listener.traffic) }
        let backends = sum.backends.sorted { ($0.service, $0.name) < ($1.service, $1.name) }
        let families: [(String, MetricsText.Kind, String, (ProxyTraffic.Backend) -> UInt64)] = [
            ("requests", .counter, "Requests sent to each backend.", { $0.requests }),
            ("connect_failures", .counter, "Connects to a backend that failed.", { $0.connectFailures }),
            ("ejections", .counter, "Times that a backend was passed by after failures.", { $0.ejections }),
            ("ejected", .gauge, "Workers' listeners that pass it by now.", { $0.ejected }),
            ("open_connections", .gauge, "Connections to a backend, now.", { $0.connections }),
            ("waiting_requests", .gauge, "Requests that wait for a connection.", { $0.waiting }),
        ]
        for (name, kind, help, value) in families {
            text.family("sluice_http_backend_" + name, kind, help: help) { samples in
                for backend in backends {
                    samples.add(value(backend), .init("service", backend.service), .init("backend", backend.name))
                }
            }
        }
    }

    private static func addRefusals(_ listeners: [Counted], to text: inout MetricsText) {
        text.family(
            "sluice_http_errors", .counter, help: "Requests that Sluice answered or gave up itself, and why."
        ) { samples in
            for listener in listeners {
                for (reason, count) in listener.traffic.errors.sorted(by: { $0.key < $1.key }) {
                    samples.add(count, listener.label, .init("reason", reason))
                }
            }
        }
        text.family("sluice_http_access_log_lost_lines", .counter, help: "Lines of access logs that went nowhere.") {
            samples in
            for listener in listeners { samples.add(listener.traffic.linesLost, listener.label) }
        }
        text.family("sluice_http_abuse", .counter, help: "Connections and streams ended for a flood, by kind.") {
            samples in
            for listener in listeners {
                for (kind, count) in listener.traffic.abuse.sorted(by: { $0.key < $1.key }) {
                    samples.add(count, listener.label, .init("kind", kind))
                }
            }
        }
    }
}

extension Workforce {
    /// The listeners in force, with what was counted.
    func httpListeners() -> [HTTPMetrics.Counted] {
        guard !routing.listeners.isEmpty else { return [] }
        let figures = Dictionary(count().http.map { ($0.key, $0) }) { $1 }
        return routing.listeners.map { listener in
            let key = ListenerKey(listener)
            return .init(name: listener.name, figures: figures[key] ?? .init(key: key))
        }
    }
}
