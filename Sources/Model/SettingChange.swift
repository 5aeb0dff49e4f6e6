// SPDX-License-Identifier: Apache-2.0

/// One key of a service's policy that a change gives another value, both as the services document writes them.
public struct SettingChange: Hashable, Sendable {
    public let key: String
    public let from: String
    public let to: String

    /// In the order of the document's keys.
    static func all(from old: VirtualService, to new: VirtualService) -> [SettingChange] {
        zip(values(of: old), values(of: new)).compactMap { before, after in
            before.value == after.value ? nil : SettingChange(key: before.key, from: before.value, to: after.value)
        }
    }

    private static func values(of service: VirtualService) -> [(key: String, value: String)] {
        [
            ("vip", "\(service.vip)"), ("forward", service.forwarding.rawValue),
            ("table-size", "\(service.tableSize.rawValue)"), ("hash", service.flowKey.rawValue),
            ("udp", service.udp.rawValue), ("on-down", service.onDown.rawValue), ("drain", text(service.drain)),
            ("flow-idle", text(service.flowIdle)), ("udp-idle", text(service.udpIdle)),
            ("allow", text(service.allow, empty: "all")), ("deny", text(service.deny, empty: "none")),
            ("health", service.health.map(text) ?? "none"),
            ("brake", "min-active \(service.brake.minimumActive), max-removed \(service.brake.maximumRemoved)%"),
        ] + values(of: service.relay, isUsed: service.forwarding == .sockets)
    }

    private static func values(of relay: RelaySettings, isUsed: Bool) -> [(key: String, value: String)] {
        [
            ("proxy-protocol", isUsed ? relay.proxyProtocol.rawValue : "none"),
            ("connect-timeout", isUsed ? text(relay.connectTimeout) : "none"),
            ("idle-timeout", isUsed ? text(relay.idleTimeout) : "none"),
            ("max-connections", isUsed ? relay.maxConnections.map { "\($0)" } ?? "none" : "none"),
            (
                "max-connections-per-source",
                isUsed ? relay.maxConnectionsPerSource.map { "\($0)" } ?? "none" : "none"
            ),
        ]
    }

    private static func text(_ prefixes: [IPPrefix], empty: String) -> String {
        prefixes.isEmpty ? empty : prefixes.map { "\($0)" }.joined(separator: ", ")
    }

    /// `600s`, `200ms`.
    private static func text(_ duration: Duration) -> String {
        let milliseconds = Int64((duration / .milliseconds(1)).rounded())
        return milliseconds.isMultiple(of: 1000) ? "\(milliseconds / 1000)s" : "\(milliseconds)ms"
    }

    private static func text(_ check: HealthCheck) -> String {
        let probe =
            switch check.probe {
            case .tcp(let port): "tcp" + text(port)
            case .http(let port, let path, let host, let status):
                "http\(text(port)) \(path) host \(host ?? "-") status \(status.lowerBound)-\(status.upperBound)"
            }
        let way = check.throughTunnel ? " through the tunnel" : ""
        return "\(probe)\(way) every \(text(check.interval)) within \(text(check.timeout)), "
            + "rise \(check.rise), fall \(check.fall)"
    }

    private static func text(_ port: UInt16?) -> String { port.map { ":\($0)" } ?? "" }
}
