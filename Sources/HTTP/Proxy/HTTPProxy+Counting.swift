// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// What requests come to, counted as they end.
extension HTTPProxy {
    /// Microseconds; the clock is read once a turn of the loop, and not where nobody asks.
    @inline(__always)
    func time() -> Int64 { state.pointee.clock != 0 ? state.pointee.clock : readClock() }

    private func readClock() -> Int64 {
        state.pointee.clock = MonotonicInstant.now.nanoseconds / 1_000
        return state.pointee.clock
    }

    /// An exchange that is over.
    @inline(__always)
    func count(_ exchange: ExchangeRef) {
        let end = exchange.pointee.isTunnel ? exchange.pointee.answered : exchange.pointee.ended
        ledger.count(
            exchange.pointee.tally, status: exchange.pointee.status,
            microseconds: (end > 0 ? end : time()) &- exchange.pointee.began)
        if state.pointee.isLogging { log(exchange) }
    }

    /// What was carried since it began, and where its backends stand.
    public var traffic: ProxyTraffic {
        var traffic = ProxyTraffic()
        traffic.routes = ledger.shown
        let shown = upstreams.lazy.map(\.pointee).filter { !$0.isRetired || $0.count > 0 }
        traffic.backends = shown.map { upstream in
            .init(
                service: upstream.service, name: upstream.name, requests: upstream.requests,
                connectFailures: upstream.connectFailures, ejections: upstream.ejections,
                ejected: upstream.ejectedUntil > state.pointee.now ? 1 : 0,
                connections: UInt64(clamping: upstream.count),
                waiting: UInt64(clamping: upstream.waiting))
        }
        let counters = counters
        for error in ProxyError.allCases where counters.errors[Int(error.rawValue)] > 0 {
            traffic.errors["\(error)"] = counters.errors[Int(error.rawValue)]
        }
        for kind in Fault.Abuse.allCases where counters.abuse[Int(kind.rawValue)] > 0 {
            traffic.abuse["\(kind)"] = counters.abuse[Int(kind.rawValue)]
        }
        traffic.retries = counters.retries
        traffic.linesLost = accessLog?.lost ?? 0
        return traffic
    }
}
