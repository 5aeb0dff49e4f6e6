// SPDX-License-Identifier: Apache-2.0

import EventLoop

typealias ConnectionRef = UnsafeMutablePointer<ProxyConnection>
typealias ExchangeRef = UnsafeMutablePointer<Exchange>
typealias UpstreamRef = UnsafeMutablePointer<Upstream>

/// One worker's connections to one backend, and the requests that wait for one.
struct Upstream {
    let service: String
    let name: String
    let serviceText: LogText
    let backendText: LogText
    let address: SocketAddress
    let version: ProxyConfiguration.Version
    /// Idle ones of HTTP/1.1, the one that was used last in front; through `next` and `previous`.
    var idle: ConnectionRef?
    /// Those of HTTP/2 that take streams.
    let multiplexed: UnsafeMutablePointer<ConnectionRef>
    var multiplexedCount = 0
    /// All, those that connect too.
    var count = 0
    var connecting = 0
    /// Requests that wait, the oldest first; through `next` and `previous`.
    var waitingFirst: ExchangeRef?
    var waitingLast: ExchangeRef?
    var waiting = 0
    /// No configuration names it any more.
    var isRetired = false
    /// Failures in a row; and until when it is passed by, in milliseconds.
    var failures = 0
    var ejectedUntil: Int64 = 0
    /// Since it was first named.
    var requests: UInt64 = 0
    var connectFailures: UInt64 = 0
    var ejections: UInt64 = 0

    init(
        service: String, name: String, address: SocketAddress, version: ProxyConfiguration.Version,
        multiplexed limit: Int
    ) {
        self.service = service
        self.name = name
        serviceText = LogText(service)
        backendText = LogText(name)
        self.address = address
        self.version = version
        multiplexed = .allocate(capacity: limit)
    }

    func serves(_ backend: ProxyConfiguration.Backend, _ service: ProxyConfiguration.Service) -> Bool {
        address == backend.address && version == service.version && self.service == service.name && name == backend.name
    }

    mutating func addIdle(_ connection: ConnectionRef) {
        connection.pointee.previous = nil
        connection.pointee.next = idle
        idle?.pointee.previous = connection
        idle = connection
        connection.pointee.isIdle = true
    }

    mutating func removeIdle(_ connection: ConnectionRef) {
        guard connection.pointee.isIdle else { return }
        if let previous = connection.pointee.previous {
            previous.pointee.next = connection.pointee.next
        } else {
            idle = connection.pointee.next
        }
        connection.pointee.next?.pointee.previous = connection.pointee.previous
        connection.pointee.next = nil
        connection.pointee.previous = nil
        connection.pointee.isIdle = false
    }

    mutating func addMultiplexed(_ connection: ConnectionRef) {
        multiplexed[multiplexedCount] = connection
        multiplexedCount += 1
    }

    mutating func removeMultiplexed(_ connection: ConnectionRef) {
        for place in 0..<multiplexedCount where multiplexed[place] == connection {
            multiplexedCount -= 1
            multiplexed[place] = multiplexed[multiplexedCount]
            return
        }
    }

    mutating func wait(_ exchange: ExchangeRef) {
        exchange.pointee.isWaiting = true
        exchange.pointee.next = nil
        exchange.pointee.previous = waitingLast
        if let waitingLast { waitingLast.pointee.next = exchange } else { waitingFirst = exchange }
        waitingLast = exchange
        waiting += 1
    }

    /// Back to where it was taken from.
    mutating func waitFirst(_ exchange: ExchangeRef) {
        exchange.pointee.isWaiting = true
        exchange.pointee.previous = nil
        exchange.pointee.next = waitingFirst
        if let waitingFirst { waitingFirst.pointee.previous = exchange } else { waitingLast = exchange }
        waitingFirst = exchange
        waiting += 1
    }

    mutating func stopWaiting(_ exchange: ExchangeRef) {
        guard exchange.pointee.isWaiting else { return }
        let next = exchange.pointee.next
        let previous = exchange.pointee.previous
        if let previous { previous.pointee.next = next } else { waitingFirst = next }
        if let next { next.pointee.previous = previous } else { waitingLast = previous }
        exchange.pointee.next = nil
        exchange.pointee.previous = nil
        exchange.pointee.isWaiting = false
        waiting -= 1
    }
}

/// A service's backends in the order in which requests go to them.
struct UpstreamService {
    /// Each as often as its weight says, spread evenly.
    let order: UnsafeMutablePointer<UpstreamRef>
    let count: Int
    private var turn = 0

    /// Entries at most, however the weights are.
    private static let longest = 1024

    init(_ backends: [(upstream: UpstreamRef, weight: UInt32)]) {
        let sequence = Self.sequence(backends.map(\.weight))
        count = sequence.count
        order = .allocate(capacity: sequence.count)
        for (place, index) in sequence.enumerated() { order[place] = backends[index].upstream }
    }

    /// Smooth weighted round robin, one period of it.
    private static func sequence(_ weights: [UInt32]) -> [Int] {
        let divisor = weights.reduce(0) { common($0, Int($1)) }
        guard divisor > 0 else { return [] }
        var shares = weights.map { Int($0) / divisor }
        let total = shares.reduce(0, +)
        if total > longest { shares = shares.map { $0 == 0 ? 0 : max(1, $0 * longest / total) } }
        let sum = shares.reduce(0, +)
        var credit = [Int](repeating: 0, count: shares.count)
        return (0..<sum).map { _ in
            var best = 0
            for index in shares.indices {
                credit[index] += shares[index]
                if credit[index] > credit[best] { best = index }
            }
            credit[best] -= sum
            return best
        }
    }

    private static func common(_ one: Int, _ other: Int) -> Int { other == 0 ? one : common(other, one % other) }

    /// The next backend that is not passed by; where all are, the next.
    mutating func next(_ now: Int64) -> UpstreamRef? {
        guard count > 0 else { return nil }
        for _ in 0..<count {
            turn = turn &+ 1 < count ? turn &+ 1 : 0
            if order[turn].pointee.ejectedUntil <= now { return order[turn] }
        }
        turn = turn &+ 1 < count ? turn &+ 1 : 0
        return order[turn]
    }

    func release() { order.deallocate() }
}
