// SPDX-License-Identifier: Apache-2.0

import Model

/// What a service says of its way through sockets.
struct RelayReader {
    static let keys = [
        "proxy-protocol", "connect-timeout", "idle-timeout", "max-connections", "max-connections-per-source",
    ]

    /// Nil where they were wrong.
    let forwarding: Forwarding?
    let vip: VIP?

    /// Every key is read, whether or not it has a meaning here.
    func settings(_ fields: Fields) -> RelaySettings {
        var settings = RelaySettings()
        let proxy = fields["proxy-protocol"]?.choice(RelaySettings.ProxyProtocol.self)
        settings.proxyProtocol = proxy ?? settings.proxyProtocol
        settings.connectTimeout =
            fields["connect-timeout"]?.duration(RelaySettings.connectTimeouts) ?? settings.connectTimeout
        settings.idleTimeout =
            fields["idle-timeout"]?.duration(RelaySettings.idleTimeouts, wholeSeconds: true) ?? settings.idleTimeout
        settings.maxConnections = fields["max-connections"]?.integer(1...RelaySettings.connectionsMax)
        settings.maxConnectionsPerSource =
            fields["max-connections-per-source"]?.integer(1...RelaySettings.connectionsMax)
        check(fields, settings)
        return settings
    }

    private func check(_ fields: Fields, _ settings: RelaySettings) {
        if let forwarding, forwarding != .sockets {
            for key in Self.keys {
                fields[key]?.problem("belongs to forward sockets; with forward \(forwarding) no socket sees a packet")
            }
            return
        }
        if vip?.transport == .udp {
            if settings.proxyProtocol != .none { fields["proxy-protocol"]?.problem("goes before TCP's bytes alone") }
            fields["connect-timeout"]?.problem("UDP has no connect")
            fields["idle-timeout"]?.problem("a UDP flow ends by udp-idle")
        }
        if forwarding == .sockets, vip?.port == 0 {
            fields["forward"]?.problem("sockets cannot listen on any port: give the VIP one")
        }
    }
}
