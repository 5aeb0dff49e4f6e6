// SPDX-License-Identifier: Apache-2.0

/// `GET /v1/listeners`: what this host's sockets take, in user space.
public struct ListenersAnswer: Codable, Hashable, Sendable {
    public struct Certificate: Codable, Hashable, Sendable {
        public var names: [String]
        /// Seconds since 1970.
        public var expiry: Int64
        /// Until then, rounded down; below 0: it has expired.
        public var days: Int

        public init(names: [String], expiry: Int64, days: Int) {
            self.names = names
            self.expiry = expiry
            self.days = days
        }
    }

    public struct Listener: Codable, Hashable, Sendable {
        /// `relay`: connections and datagrams as they are; `http`: requests by their routes; `sniff`: both.
        public var kind: String
        /// `192.0.2.10:443/tcp`.
        public var bind: String
        /// Of `http`: those that its routes name, by commas.
        public var service: String
        /// Workers that take from it, and sockets that it has.
        public var workers: Int
        public var sockets: Int
        /// Connections (of UDP: flows) now, and since its workers began.
        public var active: Int
        public var accepted: UInt64
        /// From clients, and to them.
        public var bytesIn: UInt64
        public var bytesOut: UInt64
        public var connectFailures: UInt64
        public var datagramsDropped: UInt64
        /// Connections that ended or were refused, by reason.
        public var ended: [String: UInt64]
        /// Of `http` alone.
        public var name: String?
        public var requests: UInt64?
        /// That it shows, where it speaks TLS and its files serve.
        public var certificates: [Certificate]?
        /// Why its sockets could not be opened; they are tried again.
        public var problem: String?

        public init(
            kind: String, bind: String, service: String, workers: Int, sockets: Int, active: Int = 0,
            accepted: UInt64 = 0, bytesIn: UInt64 = 0, bytesOut: UInt64 = 0, connectFailures: UInt64 = 0,
            datagramsDropped: UInt64 = 0, ended: [String: UInt64] = [:],
            name: String? = nil, requests: UInt64? = nil, certificates: [Certificate]? = nil, problem: String? = nil
        ) {
            self.kind = kind
            self.bind = bind
            self.service = service
            self.workers = workers
            self.sockets = sockets
            self.active = active
            self.accepted = accepted
            self.bytesIn = bytesIn
            self.bytesOut = bytesOut
            self.connectFailures = connectFailures
            self.datagramsDropped = datagramsDropped
            self.ended = ended
            self.name = name
            self.requests = requests
            self.certificates = certificates
            self.problem = problem
        }
    }

    public var listeners: [Listener]

    public init(listeners: [Listener]) { self.listeners = listeners }
}

/// `GET /v1/connections?most=N`: connections and UDP flows that go through this host's sockets now.
public struct ConnectionsAnswer: Codable, Hashable, Sendable {
    public struct Connection: Codable, Hashable, Sendable {
        public var transport: String
        public var client: String
        public var vip: String
        public var service: String
        public var backend: String
        public var backendAddress: String
        /// `connecting` or `open`.
        public var state: String
        public var bytesIn: UInt64
        public var bytesOut: UInt64
        /// The process that carries it.
        public var worker: Int32

        public init(
            transport: String, client: String, vip: String, service: String, backend: String, backendAddress: String,
            state: String, bytesIn: UInt64, bytesOut: UInt64, worker: Int32
        ) {
            self.transport = transport
            self.client = client
            self.vip = vip
            self.service = service
            self.backend = backend
            self.backendAddress = backendAddress
            self.state = state
            self.bytesIn = bytesIn
            self.bytesOut = bytesOut
            self.worker = worker
        }
    }

    public var connections: [Connection]

    public init(connections: [Connection]) { self.connections = connections }
}
