// SPDX-License-Identifier: Apache-2.0

/// An address at which this fleet's hosts speak HTTP themselves.
public struct Listener: Hashable, Sendable {
    public enum Speech: String, Hashable, Sendable, CaseIterable {
        /// HTTP/2 with prior knowledge and HTTP/1.1, told apart by their first bytes, or, by TLS, by ALPN.
        case http
        /// The same, and what else comes by the same port: TLS by the name it asks for, anything else as it is.
        case sniff
    }

    /// Unique among listeners.
    public var name: String
    /// TCP, with a port.
    public var bind: VIP
    /// Nil: in clear. Of a sniffing one: for TLS that passes through to nobody.
    public var tls: ListenerTLS?
    /// Nil: only HTTP is spoken.
    public var sniffing: Sniffing?
    /// A file of each host, to which a line a request goes; nil: there is none.
    public var accessLog: String?
    public var forwarded: ForwardedFields
    /// Proxies in front of it, whose word about clients is passed on; sorted.
    public private(set) var trustedProxies: [IPPrefix]

    /// What backends are told of the client.
    public enum ForwardedFields: String, Hashable, Sendable, CaseIterable {
        /// X-Forwarded-For and X-Forwarded-Proto.
        case xForwarded = "x-forwarded"
        /// Forwarded.
        case rfc7239
        case both
        case none
    }

    public static let trustedProxiesMax = 256

    public init(
        name: String, bind: VIP, tls: ListenerTLS? = nil, sniffing: Sniffing? = nil, accessLog: String? = nil,
        forwarded: ForwardedFields = .xForwarded, trustedProxies: [IPPrefix] = []
    ) {
        self.name = name
        self.bind = bind
        self.tls = tls
        self.sniffing = sniffing
        self.accessLog = accessLog
        self.forwarded = forwarded
        self.trustedProxies = Set(trustedProxies).sorted()
    }

    public var speech: Speech { sniffing == nil ? .http : .sniff }
}

/// What hosts serve over HTTP: where requests come in, and to whose backends they go.
public struct Routing: Hashable, Sendable {
    public static let listenersMax = 64
    public static let routesMax = 1_000
    /// Of its canonical bytes, which are part of a manifest.
    public static let bytesMax = 256 << 10

    /// Sorted by name.
    public private(set) var listeners: [Listener]
    /// In the order of the document, which decides between routes that ask for equally much.
    public var routes: [Route]

    public init(listeners: [Listener] = [], routes: [Route] = []) {
        self.listeners = listeners.sorted { NameHash.precedes($0.name, $1.name) }
        self.routes = routes
    }

    public var isEmpty: Bool { listeners.isEmpty && routes.isEmpty }

    /// Of the services that it names.
    public var services: Set<String> { Set(routes.flatMap(\.targets).map(\.service)) }

    /// Of the services that connections of listeners are passed on to as they are.
    public var sniffed: Set<String> { listeners.compactMap(\.sniffing?.services).reduce(into: []) { $0.formUnion($1) } }

    /// Those that a listener's requests are matched with.
    public func routes(of listener: Listener) -> [Route] {
        routes.filter { $0.listener == nil || $0.listener == listener.name }
    }

    /// The place of the first route that is the same as a later one for some listener, with the later one's.
    public var duplicates: [(first: Int, again: Int)] {
        var known: [Route.Match: [Int]] = [:]
        var found: [(first: Int, again: Int)] = []
        for (index, route) in routes.enumerated() {
            let same = known[route.match, default: []].first {
                routes[$0].listener == nil || route.listener == nil || routes[$0].listener == route.listener
            }
            if let same { found.append((same, index)) } else { known[route.match, default: []].append(index) }
        }
        return found
    }
}

extension Routing {
    /// What keeps it from being part of a generation with these services.
    func problems(beside services: [VirtualService]) -> [ValidationError.Problem] {
        listenerProblems(services) + routeProblems(services) + limits
    }

    private func listenerProblems(_ services: [VirtualService]) -> [ValidationError.Problem] {
        var problems: [ValidationError.Problem] = []
        var names: Set<String> = []
        var binds: [VIP: String] = [:]
        let known = Dictionary(services.map { ($0.name, $0) }) { first, _ in first }
        for listener in listeners {
            let (subject, bind) = ("listener \(listener.name)", listener.bind)
            func refuse(_ code: ValidationError.Code, _ message: String) {
                problems.append(.init(code, subject, message))
            }
            if !names.insert(listener.name).inserted { refuse(.duplicate, "there are two of this name") }
            if let other = binds.updateValue(listener.name, forKey: bind) {
                refuse(.duplicate, "listener \(other) has \(bind) already")
            }
            if bind.port == 0 || bind.transport != .tcp { refuse(.value, "\(bind) is no TCP port") }
            for fault in (listener.tls?.faults ?? []) + (listener.sniffing?.faults ?? []) { refuse(.value, fault) }
            if listener.trustedProxies.count > Listener.trustedProxiesMax {
                refuse(.limit, "more than \(Listener.trustedProxiesMax) trusted proxies")
            }
            if let log = listener.accessLog, !log.hasPrefix("/") {
                refuse(.value, "access log '\(log)' is no full path")
            }
            for name in (listener.sniffing?.services ?? []).sorted() {
                if let fault = Sniffing.fault(of: known[name]) { refuse(.value, "service \(name) \(fault)") }
            }
            if let other = services.first(where: { $0.takes(bind) }) {
                refuse(.duplicate, "\(bind) belongs to service \(other.name)")
            }
        }
        return problems
    }

    private func routeProblems(_ services: [VirtualService]) -> [ValidationError.Problem] {
        var problems: [ValidationError.Problem] = []
        let known = Dictionary(services.map { ($0.name, $0) }) { first, _ in first }
        for (index, route) in routes.enumerated() {
            let subject = "route \(index + 1) (\(route.match))"
            if let name = route.listener, !listeners.contains(where: { $0.name == name }) {
                problems.append(.init(.value, subject, "there is no listener \(name)"))
            }
            problems += route.faults.map { .init(.value, subject, $0) }
            for target in route.targets {
                guard let fault = Self.fault(of: known[target.service]) else { continue }
                problems.append(.init(.value, subject, "service \(target.service) \(fault)"))
            }
        }
        return problems
            + duplicates.map {
                let match = routes[$0.again].match
                return .init(.duplicate, "route \($0.again + 1) (\(match))", "route \($0.first + 1) is the same")
            }
    }

    /// Why no request can be sent to a service.
    public static func fault(of service: VirtualService?) -> String? {
        guard let service else { return "is not there" }
        if service.vip.transport != .tcp { return "is of UDP, which carries no HTTP" }
        return service.vip.port == 0 ? "has a VIP of any port: its backends have none to connect to" : nil
    }

    private var limits: [ValidationError.Problem] {
        var problems: [ValidationError.Problem] = []
        func check(_ count: Int, _ what: String, most: Int) {
            if count > most { problems.append(.init(.limit, "", "\(count) \(what): there may be \(most)")) }
        }
        check(listeners.count, "listeners", most: Self.listenersMax)
        check(routes.count, "routes", most: Self.routesMax)
        // Encoded only where the numbers are sound.
        if problems.isEmpty, !isEmpty {
            check(canonical.bytes.count, "bytes of listeners and routes", most: Self.bytesMax)
        }
        return problems
    }
}

extension VirtualService {
    /// Whether packets to the address would be its own.
    public func takes(_ bind: VIP) -> Bool {
        vip == bind || vip.port == 0 && vip.address == bind.address && vip.transport == bind.transport
    }
}
