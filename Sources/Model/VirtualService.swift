// SPDX-License-Identifier: Apache-2.0

/// How packets reach a backend.
public enum Forwarding: String, Hashable, Sendable, CaseIterable {
    case ipip, gue, l2, local, sockets
}

/// The sizes that a lookup table may have: primes.
public enum TableSize: UInt32, Hashable, Sendable, CaseIterable {
    case small = 4099
    case medium = 16381
    case large = 65537
}

/// What of a packet chooses its slot.
public enum FlowKey: String, Hashable, Sendable, CaseIterable {
    case fiveTuple = "5tuple"
    case sourceIP = "source-ip"
}

public enum UDPTracking: String, Hashable, Sendable, CaseIterable {
    case tracked, stateless
}

/// What becomes of the established flows of a backend that probes see down.
public enum DownPolicy: String, Hashable, Sendable, CaseIterable {
    case keep, rehash
}

/// How a service's backends are probed.
public struct HealthCheck: Hashable, Sendable {
    public enum Probe: Hashable, Sendable {
        /// A connect to the port.
        case tcp(port: UInt16?)
        /// A GET; `status` are the codes that count as healthy.
        case http(port: UInt16?, path: String, host: String?, status: ClosedRange<Int>)
    }

    public var probe: Probe
    /// Sent to the VIP inside the tunnel, which proves that the backend decapsulates.
    public var throughTunnel: Bool
    public var interval: Duration
    public var timeout: Duration
    /// Successes in a row that bring a backend up, failures in a row that take it down.
    public var rise: Int
    public var fall: Int

    public init(
        probe: Probe, throughTunnel: Bool = false, interval: Duration = .seconds(2), timeout: Duration = .seconds(1),
        rise: Int = 2, fall: Int = 3
    ) {
        self.probe = probe
        self.throughTunnel = throughTunnel
        self.interval = interval
        self.timeout = timeout
        self.rise = rise
        self.fall = fall
    }
}

/// How much of a service probes and catalogs may take away before it looks like a mistake.
public struct Brake: Hashable, Sendable {
    /// At least so many backends stay active.
    public var minimumActive: Int
    /// At most so many hundredths of the backends may be removed, at once and within `PoolWindow.length`.
    public var maximumRemoved: Int

    public init(minimumActive: Int = 1, maximumRemoved: Int = 50) {
        self.minimumActive = minimumActive
        self.maximumRemoved = maximumRemoved
    }
}

/// A VIP with its policy. (`Service` the word belongs to ServiceLifecycle.)
public struct VirtualService: Hashable, Sendable {
    public var name: String
    public var vip: VIP
    public var forwarding: Forwarding
    public var tableSize: TableSize
    public var flowKey: FlowKey
    public var udp: UDPTracking
    public var onDown: DownPolicy
    /// How long a draining or removed backend keeps its flows.
    public var drain: Duration
    /// After so long without a packet a record is void and a slot may settle.
    public var flowIdle: Duration
    /// After so long without a packet a UDP flow is over.
    public var udpIdle: Duration
    /// Prefixes of clients; empty `allow` allows all; `deny` wins.
    public var allow: [IPPrefix]
    public var deny: [IPPrefix]
    public var health: HealthCheck?
    public var brake: Brake
    /// Without meaning but for `forward: sockets`.
    public var relay: RelaySettings

    public init(
        name: String, vip: VIP, forwarding: Forwarding = .ipip, tableSize: TableSize = .medium,
        flowKey: FlowKey = .fiveTuple, udp: UDPTracking = .tracked, onDown: DownPolicy = .keep,
        drain: Duration = .seconds(600), flowIdle: Duration = .seconds(3600), udpIdle: Duration = .seconds(60),
        allow: [IPPrefix] = [], deny: [IPPrefix] = [], health: HealthCheck? = nil, brake: Brake = Brake(),
        relay: RelaySettings = RelaySettings()
    ) {
        self.name = name
        self.vip = vip
        self.forwarding = forwarding
        self.tableSize = tableSize
        self.flowKey = flowKey
        self.udp = udp
        self.onDown = onDown
        self.drain = drain
        self.flowIdle = flowIdle
        self.udpIdle = udpIdle
        self.allow = allow
        self.deny = deny
        self.health = health
        self.brake = brake
        self.relay = relay
    }
}

/// What a person applied: services and the backends that each shall have.
public struct DesiredState: Hashable, Sendable {
    public struct Entry: Hashable, Sendable {
        public var service: VirtualService
        /// Those that a person named.
        public var backends: [Backend]
        /// Where the others are found; nil: there are no others.
        public var query: CatalogQuery?

        public init(service: VirtualService, backends: [Backend], query: CatalogQuery? = nil) {
            self.service = service
            self.backends = backends
            self.query = query
        }
    }

    public var entries: [Entry]
    public var routing: Routing

    public init(entries: [Entry] = [], routing: Routing = Routing()) {
        self.entries = entries
        self.routing = routing
    }
}

/// A person's exception: this backend drains whatever else is said of it.
public struct Override: Hashable, Sendable {
    public var service: String
    public var backend: String
    public var author: String
    public var reason: String
    /// UTC, seconds since 1970; nil: until lifted.
    public var expiry: Int64?

    public init(service: String, backend: String, author: String, reason: String, expiry: Int64? = nil) {
        self.service = service
        self.backend = backend
        self.author = author
        self.reason = reason
        self.expiry = expiry
    }
}
