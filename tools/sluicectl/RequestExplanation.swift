// SPDX-License-Identifier: Apache-2.0

import EventLoop
import HTTP
import Model
import Programs
import Relay

/// Where a request goes, and why: by the table that the workers go by, made of what is in force on this host.
struct RequestExplanation: Encodable {
    struct Other: Encodable {
        let route: Int
        let match: String
        let why: String
    }

    struct Backend: Encodable {
        let name: String
        let address: String
        let weight: UInt32
    }

    let listener: String
    let bind: String
    let request: String
    /// Numbers as `route list` has them; nil: no route takes it, or it is passed on as it is.
    var route: Int?
    var match: String?
    var others: [Other] = []
    /// With their weights.
    var services: [String: UInt32] = [:]
    /// By service.
    var backends: [String: [Backend]] = [:]
    /// Of a connection that is passed on: the table's choice for this client.
    var backend: String?
    var slot: Int?
    var lines: [Line] = []
    let generation: String

    struct Line: Encodable {
        let subject: String
        let text: String
    }

    static func make(_ asked: RequestURL, _ listener: Listener, _ state: LocalState) throws -> RequestExplanation {
        var explanation = RequestExplanation(asked, listener, state)
        let place = try explanation.place(asked, listener, state)
        switch place {
        case .service(let vip): explanation.pass(asked, to: vip, state)
        case .refused(let reason): explanation.say("refused", "\(reason.rawValue): the connection is reset")
        case .http: explanation.route(asked, listener, state)
        }
        explanation.say("asked", "generation \(state.mark) of this host, which workers go by; nothing was changed")
        return explanation
    }

    private init(_ asked: RequestURL, _ listener: Listener, _ state: LocalState) {
        (self.listener, bind) = (listener.name, "\(listener.bind)")
        request = "\(asked.method) \(asked.authority)\(asked.target)"
        generation = state.mark
        let speech = listener.sniffing == nil ? "" : ", tells protocols apart"
        say("listener", "\(listener.name), \(listener.bind), \(listener.tls == nil ? "in clear" : "TLS")\(speech)")
        say("request", request + asked.fields.map { " with \($0.name): \($0.value)" }.joined())
    }

    private mutating func say(_ subject: String, _ text: String) { lines.append(Line(subject: subject, text: text)) }

    private func place(
        _ asked: RequestURL, _ listener: Listener, _ state: LocalState
    ) throws -> SniffPlaces.Place {
        guard listener.sniffing != nil else {
            guard asked.isSecure == (listener.tls != nil) else {
                throw Failure(
                    .failed, "listener '\(listener.name)' speaks \(asked.isSecure ? "no TLS" : "TLS alone")",
                    remedy: "ask for \(asked.isSecure ? "http" : "https")://")
            }
            return .http(secure: asked.isSecure)
        }
        let vips = Dictionary(state.generation.services.map { ($0.service.name, $0.service.vip) }) { $1 }
        return SniffPlaces(listener, vips).place(of: asked.isSecure ? .tls(name: asked.serverName) : .http)
    }

    // MARK: As it is

    private mutating func pass(_ asked: RequestURL, to vip: VIP, _ state: LocalState) {
        guard let placed = state.generation.services.first(where: { $0.service.vip == vip }) else { return }
        say("service", "\(placed.service.name): TLS of \(asked.serverName ?? "no name") passes through as it is")
        services = [placed.service.name: 1]
        guard let client = asked.client else {
            return say("backend", "by the client's address and port: give them by --src A:P")
        }
        let flow = Flow(
            client: client.address, clientPort: client.port, vipPort: vip.port, service: placed,
            seed: state.generation.seed)
        let slot = flow.slot(in: placed.service.tableSize)
        self.slot = slot
        // In bounds: a flow's slot is below the size of its table.
        let id = placed.tables(down: state.down).current[slot]
        let chosen = placed.backends.first { $0.id.rawValue == id }?.backend
        backend = chosen?.name
        say("slot", "\(slot) of \(placed.service.tableSize.rawValue)")
        say("backend", chosen.map { "\($0.name) (\($0.address))" } ?? "none takes new connections")
    }

    // MARK: By a route

    private mutating func route(_ asked: RequestURL, _ listener: Listener, _ state: LocalState) {
        let routing = state.generation.routing
        let named = routing.services
        let content = HTTPContent(
            routing: routing, services: state.generation.services.filter { named.contains($0.service.name) },
            down: state.down)
        guard let configuration = content.configuration(of: listener.bind) else { return }
        // A configuration has its listener's alone.
        let numbers = routing.routes.indices.filter {
            routing.routes[$0].listener == nil || routing.routes[$0].listener == listener.name
        }
        let found = RouteExplanation(
            configuration, authority: asked.authority, target: asked.target, method: asked.method,
            fields: asked.fields)
        if let path = found.path, path != asked.path { say("compared", "as \(path)") }
        if let place = found.route {
            let route = routing.routes[numbers[place]]
            (self.route, match) = (numbers[place] + 1, "\(route.match)")
            say("route", "\(numbers[place] + 1): \(route.match)")
            tell(found, routing, numbers)
            tell(route, configuration.routes[place], configuration.services, content.services)
        } else {
            say("route", found.path == nil ? "none: the path has a broken escape" : "none takes it: 404")
            tell(found, routing, numbers)
        }
    }

    private mutating func tell(_ found: RouteExplanation, _ routing: Routing, _ numbers: [Int]) {
        others = found.others.map { other in
            let number = numbers[other.route]
            return Other(route: number + 1, match: "\(routing.routes[number].match)", why: other.miss.text)
        }
        for other in others.prefix(8) { say("not", "\(other.route): \(other.match): \(other.why)") }
        if others.count > 8 { say("not", "\(others.count - 8) more, further off; -o json names them") }
    }

    private mutating func tell(
        _ route: Model.Route, _ made: ProxyConfiguration.Route, _ known: [ProxyConfiguration.Service],
        _ placed: [PlacedService]
    ) {
        guard case .services(let shares) = made.action else { return }
        let sum = route.targets.reduce(0) { $0 + UInt64($1.weight) }
        for (target, share) in zip(route.targets, shares) {
            services[target.service] = target.weight
            let part = sum == 0 ? 0 : Double(target.weight) * 100 / Double(sum)
            let tenths = (part * 10).rounded() / 10
            let speech = route.upstream == .http1 ? "HTTP/1.1" : "HTTP/2"
            say("service", "\(target.service), \(tenths) % of the requests, by \(speech)")
            let names = Self.names(placed.first { $0.service.name == target.service })
            let takers = known[share.service].backends.map {
                Backend(name: names["\($0.address)"] ?? "?", address: "\($0.address)", weight: $0.weight)
            }
            backends[target.service] = takers
            let list = takers.map { "\($0.name) (\($0.address)) w\($0.weight)" }.joined(separator: ", ")
            say("backend", takers.isEmpty ? "none takes requests: 503" : "the next in turn of \(list)")
        }
    }

    /// By address and port.
    private static func names(_ placed: PlacedService?) -> [String: String] {
        guard let placed else { return [:] }
        return Dictionary(
            placed.backends.map { one in
                let port = one.backend.port == 0 ? placed.service.vip.port : one.backend.port
                let address = one.backend.address
                return ("\(SocketAddress(high: address.high, low: address.low, port: port))", one.backend.name)
            }
        ) { first, _ in first }
    }

    var text: String {
        let width = lines.map(\.subject.count).max() ?? 0
        var last = ""
        return lines.map { line in
            let subject = line.subject == last ? "" : line.subject
            last = line.subject
            return subject + String(repeating: " ", count: width - subject.count) + "  " + line.text + "\n"
        }.joined()
    }
}

extension RouteExplanation.Miss {
    fileprivate var text: String {
        switch self {
        case .host: "another host"
        case .path: "another path"
        case .method: "another method"
        case .header(let name): "without the header \(name) that it asks for"
        case .outranked: "fits, and is less particular"
        }
    }
}
