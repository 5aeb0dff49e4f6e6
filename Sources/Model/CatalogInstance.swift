// SPDX-License-Identifier: Apache-2.0

/// One instance of a service as a catalog has it.
public struct CatalogInstance: Hashable, Sendable {
    public enum State: String, Hashable, Sendable, CaseIterable {
        case active
        /// In maintenance: keeps its flows and gets no new ones.
        case draining
        /// A check is critical.
        case out
    }

    public struct Check: Hashable, Sendable {
        public let id: String
        public let status: String

        public init(id: String, status: String) {
            self.id = id
            self.status = status
        }
    }

    /// `node/service-id`: unique in the datacenter.
    public var name: String
    public var address: IPAddress
    /// 0: none registered.
    public var port: UInt16
    /// By its checks' aggregate status; 0 while it is out.
    public var weight: UInt32
    public var state: State
    /// Sorted.
    public var tags: [String]
    public var meta: [String: String]
    /// Its own and its node's, sorted by id: why it is in this state.
    public var checks: [Check]

    public init(
        name: String, address: IPAddress, port: UInt16, weight: UInt32 = 1, state: State = .active,
        tags: [String] = [], meta: [String: String] = [:], checks: [Check] = []
    ) {
        self.name = name
        self.address = address
        self.port = port
        self.weight = weight
        self.state = state
        self.tags = tags
        self.meta = meta
        self.checks = checks
    }

    public var backend: Backend { Backend(name: name, address: address, port: port, weight: weight) }
}

/// What is wrong with one entry of a catalog; the others stand.
public struct CatalogProblem: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// `instance node/id`, `instance node/id: tag urlprefix-x`.
    public let place: String
    public let message: String

    public init(_ place: String, _ message: String) {
        self.place = place
        self.message = message
    }

    public var description: String { "\(place): \(message)" }

    public static func < (one: CatalogProblem, other: CatalogProblem) -> Bool {
        (one.place, one.message) < (other.place, other.message)
    }
}

/// All that one answer says of a service, in an order of its own, so that equal states are equal.
public struct ServiceReading: Hashable, Sendable {
    /// By name.
    public var instances: [CatalogInstance]
    public var routes: [CatalogRoute]
    public var problems: [CatalogProblem]

    public init(
        instances: [CatalogInstance] = [], routes: [CatalogRoute] = [], problems: [CatalogProblem] = []
    ) {
        self.instances = instances
        self.routes = routes
        self.problems = problems
    }

    /// Whether the catalog listed nothing at all, not even what cannot be used.
    public var isEmpty: Bool { instances.isEmpty && problems.isEmpty }
}
