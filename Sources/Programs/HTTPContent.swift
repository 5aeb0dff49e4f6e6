// SPDX-License-Identifier: Apache-2.0

import EventLoop
import HTTP
import Model

/// What a generation says of HTTP, as this host's probes see the backends. A pure value.
public struct HTTPContent {
    public var routing: Routing
    /// Those that routes name.
    public var services: [PlacedService]
    public var down: Set<BackendID>

    public init(routing: Routing = Routing(), services: [PlacedService] = [], down: Set<BackendID> = []) {
        self.routing = routing
        self.services = services
        self.down = down
    }

    /// Of one listener; nil: there is none at that address.
    public func configuration(of bind: VIP) -> ProxyConfiguration? {
        guard let listener = routing.listeners.first(where: { $0.bind == bind }) else { return nil }
        var configuration = ProxyConfiguration()
        var numbers: [Upstream: Int] = [:]
        for route in routing.routes(of: listener) {
            let shares = route.targets.map { target in
                let upstream = Upstream(service: target.service, version: route.upstream)
                let number = numbers[upstream] ?? configuration.services.count
                if numbers[upstream] == nil { configuration.services.append(service(upstream)) }
                numbers[upstream] = number
                return (service: number, weight: target.weight)
            }
            configuration.routes.append(.init(route, .services(shares)))
        }
        configuration.forwarding = ForwardingSettings(listener)
        return configuration
    }

    private struct Upstream: Hashable {
        let service: String
        let version: Route.Upstream
    }

    private func service(_ upstream: Upstream) -> ProxyConfiguration.Service {
        let placed = services.first { $0.service.name == upstream.service }
        let takers = placed?.backends.filter { $0.state == .active && $0.backend.weight > 0 && !down.contains($0.id) }
        return ProxyConfiguration.Service(
            name: upstream.service, version: upstream.version == .http1 ? .http1 : .http2,
            backends: (takers ?? []).map { taker in
                let backend = taker.backend
                // Where a document gives none it is the VIP's.
                let port = backend.port == 0 ? placed?.service.vip.port ?? 0 : backend.port
                return .init(
                    name: backend.name,
                    address: SocketAddress(high: backend.address.high, low: backend.address.low, port: port),
                    weight: backend.weight)
            })
    }
}

extension ForwardingSettings {
    fileprivate init(_ listener: Listener) {
        self.init(
            trusted: listener.trustedProxies.map {
                Prefix(high: $0.address.high, low: $0.address.low, length: $0.mappedLength)
            })
        switch listener.forwarded {
        case .xForwarded: fields = .xForwarded
        case .rfc7239: fields = .standard
        case .both: fields = .both
        case .none: fields = .none
        }
    }
}

extension ProxyConfiguration.Route {
    fileprivate init(_ route: Route, _ action: Action) {
        self.init(
            name: "\(route.match)", host: route.match.host, path: route.match.path, isExact: route.match.isExact,
            method: route.match.method,
            headers: route.match.headers.map { (name: $0.name, value: $0.value) }, action: action,
            timeout: route.timeout, retries: route.retries)
    }
}
