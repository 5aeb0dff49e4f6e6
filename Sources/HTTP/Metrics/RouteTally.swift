// SPDX-License-Identifier: Apache-2.0

/// Where the requests of one route are counted: flat, so that counting is an addition. Its ledger owns the memory.
struct RouteTally: BitwiseCopyable {
    /// By status, then by duration, then the sum of durations in microseconds.
    private let counts: UnsafeMutablePointer<UInt64>

    static let statuses = StatusCodes.names.count
    private static let sumPlace = statuses + ProxyTraffic.bounds.count + 1
    static let size = sumPlace + 1

    /// The route's name.
    let text: LogText

    init(_ route: String) {
        counts = .allocate(capacity: Self.size)
        counts.initialize(repeating: 0, count: Self.size)
        text = LogText(route)
    }

    func release() {
        counts.deallocate()
        text.release()
    }

    /// - Parameter status: a place of `StatusCodes`.
    @inline(__always)
    func count(_ status: Int, bucket: Int, microseconds: Int64) {
        precondition(status >= 0 && bucket >= 0 && status < Self.statuses && Self.statuses &+ bucket < Self.sumPlace)
        counts[status] &+= 1
        counts[Self.statuses &+ bucket] &+= 1
        counts[Self.sumPlace] &+= UInt64(max(0, microseconds))
    }

    /// Nil: nothing was counted.
    func shown(_ name: String) -> ProxyTraffic.Route? {
        var route = ProxyTraffic.Route(name: name)
        for (place, code) in StatusCodes.names.enumerated() where counts[place] > 0 {
            route.codes[code] = counts[place]
        }
        for bucket in route.buckets.indices { route.buckets[bucket] = counts[Self.statuses + bucket] }
        route.microseconds = counts[Self.sumPlace]
        return route.codes.isEmpty ? nil : route
    }
}

/// The tallies of a proxy's routes, by their names: a route that comes back goes on counting where it was. For one
/// thread.
final class RouteLedger {
    /// Of requests that no route has taken, and of routes for which there is no room.
    let unrouted = RouteTally("")
    let places = StatusCodes.places()
    /// Upper bounds of durations, in microseconds.
    private let bounds = FlatArray(ProxyTraffic.bounds)
    private var tallies: [String: RouteTally] = [:]

    /// Names that are remembered, so that routes which come and go do not fill the memory.
    static let routesMax = 2_048

    func tally(of route: String) -> RouteTally {
        if let known = tallies[route] { return known }
        guard tallies.count < Self.routesMax else { return unrouted }
        let tally = RouteTally(route)
        tallies[route] = tally
        return tally
    }

    /// One request that is over.
    func count(_ tally: RouteTally, status: UInt16, microseconds: Int64) {
        var bucket = 0
        while bucket < bounds.count && microseconds > bounds[bucket] { bucket &+= 1 }
        tally.count(Int(status < 600 ? places[Int(status)] : 1), bucket: bucket, microseconds: microseconds)
    }

    var shown: [ProxyTraffic.Route] {
        tallies.sorted { $0.key < $1.key }.compactMap { $1.shown($0) } + [unrouted.shown("")].compactMap(\.self)
    }

    deinit {
        unrouted.release()
        for tally in tallies.values { tally.release() }
    }
}
