// SPDX-License-Identifier: Apache-2.0

/// How one service's connections are relayed. Limits hold for each worker, that of the service's connections for all
/// that share their counts.
public struct RelayPolicy: Hashable, Sendable {
    /// What tells the backend who its client is.
    public enum ProxyProtocol: Hashable, Sendable {
        case none, v1, v2
    }

    /// Of one backend; then the next is tried.
    public var connectTimeout: Duration
    /// A connection over which nothing has moved for so long is reset.
    public var idleTimeout: Duration
    /// Backends that are tried for one connection, `RelayService.attemptsMax` at most.
    public var attempts: Int
    /// Connections (of UDP: flows) at a time.
    public var connections: Int
    /// Connections (of UDP: flows) at a time of one client: an IPv4 address, an IPv6 /64.
    public var connectionsPerSource: Int
    public var proxyProtocol: ProxyProtocol

    public init(
        connectTimeout: Duration = .seconds(3), idleTimeout: Duration = .seconds(3600), attempts: Int = 3,
        connections: Int = .max, connectionsPerSource: Int = .max, proxyProtocol: ProxyProtocol = .none
    ) {
        self.connectTimeout = connectTimeout
        self.idleTimeout = idleTimeout
        self.attempts = attempts
        self.connections = connections
        self.connectionsPerSource = connectionsPerSource
        self.proxyProtocol = proxyProtocol
    }
}
