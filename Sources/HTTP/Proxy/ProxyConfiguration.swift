// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// All that a proxy goes by: its routes and the services behind them. A whole value; a change is another one.
public struct ProxyConfiguration: Sendable {
    public enum Version: Sendable, Hashable { case http1, http2 }

    public struct Backend: Sendable, Hashable {
        /// For people.
        public var name: String
        public var address: SocketAddress
        public var weight: UInt32

        public init(name: String = "", address: SocketAddress, weight: UInt32 = 1) {
            self.name = name
            self.address = address
            self.weight = weight
        }
    }

    public struct Service: Sendable {
        public var name: String
        public var version: Version
        public var backends: [Backend]

        public init(name: String, version: Version, backends: [Backend]) {
            self.name = name
            self.version = version
            self.backends = backends
        }
    }

    public struct Route: Sendable {
        public enum Action: Sendable {
            /// To services, by their place among the configuration's and their weight.
            case services([(service: Int, weight: UInt32)])
            /// Answered here, without content.
            case answer(status: UInt16)
        }

        /// Under which its requests are counted.
        public var name: String
        /// `example.org`, `*.example.org`, or nil: any.
        public var host: String?
        public var path: String
        public var isExact: Bool
        /// nil: any.
        public var method: String?
        /// Name in lower case, and the value that it must have; nil: any.
        public var headers: [(name: String, value: String?)]
        public var action: Action
        /// Until the head of the response, from the request's.
        public var timeout: Duration
        /// How often a request may be sent again, where it is safe.
        public var retries: Int

        public init(
            name: String? = nil, host: String? = nil, path: String = "/", isExact: Bool = false, method: String? = nil,
            headers: [(name: String, value: String?)] = [], action: Action, timeout: Duration = .seconds(30),
            retries: Int = 1
        ) {
            self.name = name ?? (host ?? "*") + path
            self.host = host
            self.path = path
            self.isExact = isExact
            self.method = method
            self.headers = headers
            self.action = action
            self.timeout = timeout
            self.retries = retries
        }
    }

    public var services: [Service]
    public var routes: [Route]
    public var forwarding: ForwardingSettings

    public init(
        services: [Service] = [], routes: [Route] = [], forwarding: ForwardingSettings = ForwardingSettings()
    ) {
        self.forwarding = forwarding
        self.services = services
        self.routes = routes
    }
}

/// What a proxy may take of its host, and how long it waits for whom.
public struct ProxyLimits: Sendable {
    /// Of clients and to backends together.
    public var connections = 16_384
    /// Of one worker, to one backend.
    public var connectionsPerBackend = 512
    /// Likewise, of HTTP/2.
    public var multiplexedPerBackend = 8
    /// Requests that wait for a connection to one backend.
    public var waitingPerBackend = 4096
    /// Streams that a client may have open at once.
    public var streams = 128
    /// Buffers of about 72 KiB: of a connection that has something to send.
    public var buffers = 8192
    /// Buffers of 16 KiB: content that its receiver does not take yet.
    public var contents = 16_384
    public var connectTimeout = Duration.seconds(5)
    /// From a connection's first octet, or the end of the request before, to the end of a request's head.
    public var headTimeout = Duration.seconds(10)
    /// Of a client's connection without a request.
    public var idleTimeout = Duration.seconds(75)
    /// Of a connection to a backend without a request.
    public var backendIdleTimeout = Duration.seconds(60)
    /// Of an exchange in which nothing moves.
    public var streamTimeout = Duration.seconds(60)
    /// Between the two steps of going away, and after the second one.
    public var goAwayDelay = Duration.seconds(1)

    public init() {}
}
