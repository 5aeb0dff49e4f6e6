// SPDX-License-Identifier: Apache-2.0

import Admin
import Model

/// What goes through this host's sockets. Of a worker that has ended it is what it said last; a daemon that begins anew
/// does not know of those: then a counter begins anew too.
struct RelayMetrics {
    let workforce: Workforce

    func add(to text: inout MetricsText) async {
        let listeners = await workforce.listenerRows()
        addCertificates(of: listeners, to: &text)
        addRefusals(of: listeners, to: &text)
        let rows = listeners.filter { $0.kind == ListenerKey.Kind.relay.rawValue }
        guard !rows.isEmpty else { return }
        let counters: [(String, String, String?, (ListenersAnswer.Listener) -> UInt64)] = [
            ("sluice_relay_connections", "Connections and UDP flows taken by sockets.", nil, { $0.accepted }),
            ("sluice_relay_received_bytes", "From clients, given on to backends.", "bytes", { $0.bytesIn }),
            ("sluice_relay_sent_bytes", "From backends, given on to clients.", "bytes", { $0.bytesOut }),
            ("sluice_relay_connect_failures", "Connects to backends that failed.", nil, { $0.connectFailures }),
            ("sluice_relay_dropped_datagrams", "Datagrams that went nowhere.", nil, { $0.datagramsDropped }),
        ]
        for (name, help, unit, value) in counters {
            text.family(name, .counter, unit: unit, help: help) { samples in
                for row in rows { samples.add(value(row), .init("service", row.service)) }
            }
        }
        text.family("sluice_relay_active_connections", .gauge, help: "Connections and UDP flows under way.") {
            samples in
            for row in rows { samples.add(UInt64(clamping: row.active), .init("service", row.service)) }
        }
        text.family(
            "sluice_relay_ended_connections", .counter, help: "Connections that ended or were refused, and why."
        ) {
            samples in
            for row in rows {
                for (reason, count) in row.ended.sorted(by: { $0.key < $1.key }) {
                    samples.add(count, .init("service", row.service), .init("reason", reason))
                }
            }
        }
    }

    private func addRefusals(of listeners: [ListenersAnswer.Listener], to text: inout MetricsText) {
        let sniffing = listeners.filter { $0.kind == ListenerKey.Kind.sniff.rawValue }
        guard !sniffing.isEmpty else { return }
        text.family(
            "sluice_listener_refused_connections", .counter,
            help: "Connections of sniffing listeners that were nobody's, and why."
        ) { samples in
            for listener in sniffing {
                for (reason, count) in listener.ended.sorted(by: { $0.key < $1.key }) {
                    samples.add(count, .init("listener", listener.name ?? listener.bind), .init("reason", reason))
                }
            }
        }
    }

    /// Named by the first name of each.
    private func addCertificates(of listeners: [ListenersAnswer.Listener], to text: inout MetricsText) {
        let secure = listeners.filter { $0.certificates?.isEmpty == false }
        guard !secure.isEmpty else { return }
        text.family(
            "sluice_listener_certificate_remaining_days", .gauge,
            help: "Whole days until a certificate expires; below 0 it has."
        ) { samples in
            for listener in secure {
                for (number, certificate) in (listener.certificates ?? []).enumerated() {
                    samples.add(
                        Double(certificate.days), .init("listener", listener.name ?? listener.bind),
                        .init("certificate", "\(number)"), .init("name", certificate.names.first ?? ""))
                }
            }
        }
    }
}
