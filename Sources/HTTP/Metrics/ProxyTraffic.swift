// SPDX-License-Identifier: Apache-2.0

/// What a proxy has carried, as metrics show it: by route, by backend, and what it refused.
public struct ProxyTraffic: Codable, Hashable, Sendable {
    /// Upper bounds of a request's duration, microseconds, each included; what is longer is counted behind them.
    public static let bounds: [Int64] = [
        250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
        5_000_000, 10_000_000, 30_000_000,
    ]

    public struct Route: Codable, Hashable, Sendable {
        /// Empty: no route took the requests.
        public var name: String
        /// Requests by status: a registered code, `other`, or `none` where no response was sent.
        public var codes: [String: UInt64] = [:]
        /// Requests by duration: of each bound those above the one before, then the rest.
        public var buckets = [UInt64](repeating: 0, count: ProxyTraffic.bounds.count + 1)
        public var microseconds: UInt64 = 0
    }

    public struct Backend: Codable, Hashable, Sendable {
        public var service: String
        public var name: String
        public var requests: UInt64 = 0
        public var connectFailures: UInt64 = 0
        /// Times that it was passed by after failures, and whether it is now (of a sum: by how many).
        public var ejections: UInt64 = 0
        public var ejected: UInt64 = 0
        /// Now open; and requests that wait for one.
        public var connections: UInt64 = 0
        public var waiting: UInt64 = 0
    }

    public var routes: [Route] = []
    public var backends: [Backend] = []
    /// Exchanges that the proxy answered or gave up itself, by reason.
    public var errors: [String: UInt64] = [:]
    /// Connections and streams ended for abuse, by kind.
    public var abuse: [String: UInt64] = [:]
    public var retries: UInt64 = 0
    /// Of its access log.
    public var linesLost: UInt64 = 0

    public init() {}
}

// Sums. Workers have fewer rights than who adds their figures up: none of these can end it.
extension ProxyTraffic {
    public mutating func add(_ other: ProxyTraffic) {
        routes = Self.sum(routes + other.routes, by: \.name) { $0.add($1) }
        backends = Self.sum(backends + other.backends, by: \.label) { $0.add($1) }
        errors.merge(other.errors, uniquingKeysWith: Self.sum)
        abuse.merge(other.abuse, uniquingKeysWith: Self.sum)
        retries = Self.sum(retries, other.retries)
        linesLost = Self.sum(linesLost, other.linesLost)
    }

    /// Of a proxy that has ended: nothing is under way in it.
    public var withoutActive: ProxyTraffic {
        var traffic = self
        for index in traffic.backends.indices {
            traffic.backends[index].ejected = 0
            traffic.backends[index].connections = 0
            traffic.backends[index].waiting = 0
        }
        return traffic
    }

    /// As far as a proxy may have counted it: names that there are, and no more of them than there can be.
    public var checked: ProxyTraffic {
        var traffic = self
        traffic.routes = routes.prefix(RouteLedger.routesMax + 1).filter {
            $0.name.utf8.count <= Self.nameMost && $0.buckets.count == Self.bounds.count + 1
        }
        for index in traffic.routes.indices {
            traffic.routes[index].codes = traffic.routes[index].codes.filter { Self.codes.contains($0.key) }
        }
        traffic.backends = backends.prefix(Self.backendsMost).filter {
            $0.service.utf8.count <= Self.nameMost && $0.name.utf8.count <= Self.nameMost
        }
        traffic.errors = errors.filter { Self.reasons.contains($0.key) }
        traffic.abuse = abuse.filter { Self.kinds.contains($0.key) }
        return traffic
    }

    /// A match of a route with all its fields, as it is described.
    private static let nameMost = 32_768
    private static let backendsMost = 32_768
    private static let codes = Set(StatusCodes.names)
    private static let reasons = Set(ProxyError.allCases.map { "\($0)" })
    private static let kinds = Set(Fault.Abuse.allCases.map { "\($0)" })

    private static func sum<Part, Label: Hashable>(
        _ parts: [Part], by label: (Part) -> Label, _ add: (inout Part, Part) -> Void
    ) -> [Part] {
        var sums: [Part] = []
        var places: [Label: Int] = [:]
        for part in parts {
            if let place = places[label(part)] {
                add(&sums[place], part)
            } else {
                places[label(part)] = sums.count
                sums.append(part)
            }
        }
        return sums
    }

    /// Stays at the greatest number where there is none for the sum.
    fileprivate static func sum(_ one: UInt64, _ other: UInt64) -> UInt64 {
        let (sum, isOver) = one.addingReportingOverflow(other)
        return isOver ? .max : sum
    }
}

extension ProxyTraffic.Route {
    fileprivate mutating func add(_ other: Self) {
        codes.merge(other.codes, uniquingKeysWith: ProxyTraffic.sum)
        for index in buckets.indices where index < other.buckets.count {
            buckets[index] = ProxyTraffic.sum(buckets[index], other.buckets[index])
        }
        microseconds = ProxyTraffic.sum(microseconds, other.microseconds)
    }
}

extension ProxyTraffic.Backend {
    fileprivate var label: [String] { [service, name] }

    fileprivate mutating func add(_ other: Self) {
        requests = ProxyTraffic.sum(requests, other.requests)
        connectFailures = ProxyTraffic.sum(connectFailures, other.connectFailures)
        ejections = ProxyTraffic.sum(ejections, other.ejections)
        ejected = ProxyTraffic.sum(ejected, other.ejected)
        connections = ProxyTraffic.sum(connections, other.connections)
        waiting = ProxyTraffic.sum(waiting, other.waiting)
    }
}
