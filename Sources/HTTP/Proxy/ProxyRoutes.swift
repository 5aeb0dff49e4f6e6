// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// A configuration as requests are matched with it: made once, read without allocation, replaced as a whole.
struct ProxyRoutes: ~Copyable {
    struct Facts: BitwiseCopyable {
        /// 0: to a service.
        var status: UInt16
        /// In milliseconds.
        var timeout: Int64
        var retries: Int
        var tally: RouteTally
    }

    let table: RouteTable
    /// By a rule's number.
    let facts: FlatArray<Facts>
    let services: FlatArray<UnsafeMutablePointer<UpstreamService>>

    init(
        _ configuration: ProxyConfiguration, _ services: [UnsafeMutablePointer<UpstreamService>], _ ledger: RouteLedger
    ) {
        table = RouteTable(configuration.routes.map(Self.rule))
        facts = FlatArray(configuration.routes.map { Self.facts($0, ledger) })
        self.services = FlatArray(services)
    }

    static func rule(_ route: ProxyConfiguration.Route) -> RouteRule {
        var host = RouteRule.Host.any
        if let name = route.host?.lowercased() {
            host = name.hasPrefix("*.") ? .under(String(name.dropFirst(2))) : .exact(name)
        }
        var targets: [RouteRule.Target] = []
        if case .services(let shares) = route.action {
            targets = shares.map { RouteRule.Target(service: $0.service, weight: $0.weight) }
        }
        return RouteRule(
            host: host, path: route.isExact ? .exact(route.path) : .prefix(route.path), method: route.method,
            headers: route.headers.map { RouteRule.Header(name: $0.name, value: $0.value) }, targets: targets)
    }

    private static func facts(_ route: ProxyConfiguration.Route, _ ledger: RouteLedger) -> Facts {
        var status: UInt16 = 0
        if case .answer(let code) = route.action { status = code }
        return Facts(
            status: status, timeout: route.timeout.wholeNanoseconds / 1_000_000, retries: route.retries,
            tally: ledger.tally(of: route.name))
    }
}
