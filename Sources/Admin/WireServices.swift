// SPDX-License-Identifier: Apache-2.0

/// `GET /v1/services`.
public struct ServicesAnswer: Codable, Hashable, Sendable {
    public struct Service: Codable, Hashable, Sendable {
        public var name: String
        /// As in notation: `10.0.0.1:443/tcp`.
        public var vip: String
        public var forwarding: String
        public var tableSize: UInt32
        public var hash: String
        public var active: Int
        public var draining: Int
        public var down: Int
        public var isolated: Bool
        public var settled: Bool
        /// `10.0.0.1:443/tcp -> a:8443 w2, b:8443 draining`.
        public var notation: String

        public init(
            name: String, vip: String, forwarding: String, tableSize: UInt32, hash: String, active: Int, draining: Int,
            down: Int, isolated: Bool, settled: Bool, notation: String
        ) {
            self.name = name
            self.vip = vip
            self.forwarding = forwarding
            self.tableSize = tableSize
            self.hash = hash
            self.active = active
            self.draining = draining
            self.down = down
            self.isolated = isolated
            self.settled = settled
            self.notation = notation
        }
    }

    public var services: [Service]

    public init(services: [Service]) { self.services = services }
}

/// `GET /v1/backends`.
public struct BackendsAnswer: Codable, Hashable, Sendable {
    public struct Backend: Codable, Hashable, Sendable {
        public var service: String
        public var name: String
        public var address: String
        public var port: UInt16
        public var weight: UInt32
        public var id: UInt16
        /// `active`, `draining` or `down`.
        public var state: String
        /// Since when it is draining or down.
        public var since: Int64?
        /// When a draining backend leaves.
        public var until: Int64?
        /// Why a person drains it.
        public var reason: String?
        /// Its slots of the service's table.
        public var slots: Int
        /// `02:00:00:00:00:01 dev eth0`; nil where it has none.
        public var nextHop: String?

        public init(
            service: String, name: String, address: String, port: UInt16, weight: UInt32, id: UInt16, state: String,
            since: Int64? = nil, until: Int64? = nil, reason: String? = nil, slots: Int = 0, nextHop: String? = nil
        ) {
            self.service = service
            self.name = name
            self.address = address
            self.port = port
            self.weight = weight
            self.id = id
            self.state = state
            self.since = since
            self.until = until
            self.reason = reason
            self.slots = slots
            self.nextHop = nextHop
        }
    }

    public var backends: [Backend]

    public init(backends: [Backend]) { self.backends = backends }
}

/// `GET /v1/health`: what this host's probes see.
public struct HealthAnswer: Codable, Hashable, Sendable {
    public struct Backend: Codable, Hashable, Sendable {
        public var service: String
        public var name: String
        /// `up`, `down`, or `unknown` while nothing was probed yet.
        public var state: String
        public var since: Int64?
        /// What the last failed probe said.
        public var detail: String?

        public init(service: String, name: String, state: String, since: Int64? = nil, detail: String? = nil) {
            self.service = service
            self.name = name
            self.state = state
            self.since = since
            self.detail = detail
        }
    }

    public var backends: [Backend]

    public init(backends: [Backend]) { self.backends = backends }
}

/// A backend that a person drains; an element of `GET /v1/drains`, and the answer of `POST /v1/drains`.
public struct Drain: Codable, Hashable, Sendable {
    public var service: String
    public var backend: String
    /// The user's name, taken from the socket.
    public var author: String
    public var reason: String
    /// When it ends by itself; nil: when it is lifted.
    public var expiry: Int64?

    public init(service: String, backend: String, author: String, reason: String, expiry: Int64? = nil) {
        self.service = service
        self.backend = backend
        self.author = author
        self.reason = reason
        self.expiry = expiry
    }
}

/// `GET /v1/drains`.
public struct DrainsAnswer: Codable, Hashable, Sendable {
    public var drains: [Drain]

    public init(drains: [Drain]) { self.drains = drains }
}

/// The body of `POST /v1/drains`.
public struct DrainRequest: Codable, Hashable, Sendable {
    public var service: String
    public var backend: String
    public var reason: String
    public var expiry: Int64?
    /// Also where the service's brake would hold it back; nil stands for false.
    public var force: Bool?

    public init(service: String, backend: String, reason: String, expiry: Int64? = nil, force: Bool? = nil) {
        self.service = service
        self.backend = backend
        self.reason = reason
        self.expiry = expiry
        self.force = force
    }
}
