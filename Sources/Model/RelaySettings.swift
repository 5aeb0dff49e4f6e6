// SPDX-License-Identifier: Apache-2.0

/// How a service's connections go through its hosts' sockets: of `forward: sockets` alone.
public struct RelaySettings: Hashable, Sendable {
    /// What tells a backend who its client is.
    public enum ProxyProtocol: String, Hashable, Sendable, CaseIterable {
        case none, v1, v2
    }

    public static let connectTimeouts = Duration.milliseconds(10) ... .seconds(60)
    public static let idleTimeouts = Duration.seconds(1) ... .seconds(7 * 86_400)
    /// Of a limit; beyond it there is none.
    public static let connectionsMax = 10_000_000

    public var proxyProtocol: ProxyProtocol
    /// Of one backend; then the next is tried.
    public var connectTimeout: Duration
    /// A TCP connection over which nothing has moved for so long is reset.
    public var idleTimeout: Duration
    /// At a time on one host, of UDP flows; nil: no limit.
    public var maxConnections: Int?
    /// At a time on one host, of one client: an IPv4 address, an IPv6 /64.
    public var maxConnectionsPerSource: Int?

    public init(
        proxyProtocol: ProxyProtocol = .none, connectTimeout: Duration = .seconds(3),
        idleTimeout: Duration = .seconds(3_600), maxConnections: Int? = nil, maxConnectionsPerSource: Int? = nil
    ) {
        self.proxyProtocol = proxyProtocol
        self.connectTimeout = connectTimeout
        self.idleTimeout = idleTimeout
        self.maxConnections = maxConnections
        self.maxConnectionsPerSource = maxConnectionsPerSource
    }
}

extension RelaySettings {
    /// As part of its service's blob.
    var canonical: CanonicalValue {
        var members: [String: CanonicalValue] = [
            "proxy-protocol": .string(proxyProtocol.rawValue), "connect-timeout-ms": .milliseconds(connectTimeout),
            "idle-timeout-ms": .milliseconds(idleTimeout),
        ]
        if let maxConnections { members["max-connections"] = .integer(Int64(maxConnections)) }
        if let maxConnectionsPerSource {
            members["max-connections-per-source"] = .integer(Int64(maxConnectionsPerSource))
        }
        return .object(members)
    }

    init(_ reader: CanonicalReader) throws(CanonicalError) {
        let fields = try reader.object([
            "proxy-protocol", "connect-timeout-ms", "idle-timeout-ms", "max-connections", "max-connections-per-source",
        ])
        self.init(
            proxyProtocol: try fields["proxy-protocol"].choice(),
            connectTimeout: try fields["connect-timeout-ms"].milliseconds(),
            idleTimeout: try fields["idle-timeout-ms"].milliseconds(),
            maxConnections: try fields.optional("max-connections")?.integer(1...Self.connectionsMax),
            maxConnectionsPerSource: try fields.optional("max-connections-per-source")?
                .integer(1...Self.connectionsMax))
    }
}
