// SPDX-License-Identifier: Apache-2.0

import Model

/// One entry of `routes`.
struct RouteReader {
    private static let keys = ["listener", "match", "service", "services", "upstream", "timeout", "retries"]

    private let fields: Fields
    private let listeners: [String]
    private let services: ServicesTogether

    static func routes(_ reader: Reader?, listeners: [String], beside services: ServicesTogether) -> [Route] {
        guard let reader else { return [] }
        let elements = reader.elements(of: "routes")
        if elements.count > Routing.routesMax { reader.problem("there may be \(Routing.routesMax)") }
        var routing = Routing()
        var places: [Place] = []
        for element in elements {
            guard let fields = Fields(element, of: "a route", keys: keys) else { continue }
            let reader = RouteReader(fields: fields, listeners: listeners, services: services)
            guard let route = reader.route() else { continue }
            routing.routes.append(route)
            places.append(fields.place)
        }
        for pair in routing.duplicates {
            let line = places[pair.first].line
            elements[0].report.add(
                "route \(routing.routes[pair.again].match) is the same as that in line \(line)", at: places[pair.again])
        }
        return routing.routes
    }

    /// Every field is read, whatever is wrong with the others.
    private func route() -> Route? {
        let listener = fields["listener"].map { known($0, among: listeners, "listener") }
        let match = fields["match"].map(match) ?? Route.Match()
        let targets = targets()
        let upstream = fields["upstream"].map { $0.choice(Route.Upstream.self) } ?? .http1
        let timeout = fields["timeout"].map { $0.duration(Route.timeouts) } ?? .seconds(30)
        let retries = fields["retries"].map { $0.integer(0...Route.retriesMax) } ?? 1
        guard let match, let targets, let upstream, let timeout, let retries else { return nil }
        if let listener, listener == nil { return nil }
        return Route(
            listener: listener ?? nil, match: match, targets: targets, upstream: upstream, timeout: timeout,
            retries: retries)
    }

    private func match(_ reader: Reader) -> Route.Match? {
        let keys = ["host", "path", "exact-path", "method", "headers"]
        guard let fields = Fields(reader, of: "a match", keys: keys) else { return nil }
        let host = fields["host"].map { reader in
            reader.text()?.lowercased().checked(RouteText.hostFault, reader)
        }
        let prefix = fields["path"].map { $0.text("a path")?.checked(RouteText.pathFault, $0) }
        let exact = fields["exact-path"].map { $0.text("a path")?.checked(RouteText.pathFault, $0) }
        let method = fields["method"].map { $0.text("a method")?.checked(RouteText.methodFault, $0) }
        let headers = fields["headers"]?.elements(of: "headers").map(header) ?? []
        if prefix != nil, exact != nil { fields.problem("a match has 'path' or 'exact-path', not both") }
        if headers.count > Route.headersMax { fields["headers"]?.problem("there may be \(Route.headersMax)") }
        let texts = [host, prefix, exact, method].compactMap(\.self)
        guard texts.allSatisfy({ $0 != nil }), headers.allSatisfy({ $0 != nil }) else { return nil }
        return Route.Match(
            host: host ?? nil, path: exact.flatMap(\.self) ?? prefix.flatMap(\.self) ?? "/", isExact: exact != nil,
            method: method ?? nil,
            headers: headers.compactMap(\.self))
    }

    private func header(_ reader: Reader) -> Route.Header? {
        guard let fields = Fields(reader, of: "a header", keys: ["name", "value"]) else { return nil }
        let name = fields.required("name").flatMap { $0.text()?.lowercased().checked(RouteText.headerFault, $0) }
        let value = fields["value"].map { $0.text()?.checked(RouteText.valueFault, $0) }
        if let value, value == nil { return nil }
        return name.map { Route.Header(name: $0, value: value ?? nil) }
    }

    /// One service, or several with their weights; nil, and reported, where one is wrong.
    private func targets() -> [Route.Target]? {
        let one = fields["service"]
        let several = fields["services"]
        guard (one == nil) != (several == nil) else {
            fields.problem("a route needs 'service' or 'services', and not both")
            return nil
        }
        if let one { return service(one).map { [Route.Target(service: $0)] } }
        guard let several else { return nil }
        let targets = several.elements(of: "services").map(target)
        let read = targets.compactMap(\.self)
        guard read.count == targets.count else { return nil }
        let names = Set(read.map(\.service))
        if names.count < read.count { several.problem("a service is there twice") }
        if !read.contains(where: { $0.weight > 0 }) {
            several.problem("no service has a weight above 0")
            return nil
        }
        return read
    }

    private func target(_ reader: Reader) -> Route.Target? {
        guard let fields = Fields(reader, of: "a route's service", keys: ["name", "weight"]) else { return nil }
        let name = fields.required("name").flatMap(service)
        let weight = fields["weight"].map { $0.integer(0...Route.weightMax) } ?? 1
        guard let name, let weight else { return nil }
        return Route.Target(service: name, weight: UInt32(weight))
    }

    private func service(_ reader: Reader) -> String? {
        guard let name = known(reader, among: services.declared, "service") else { return nil }
        if let vip = services.vips[name], let fault = Routing.fault(of: VirtualService(name: name, vip: vip)) {
            reader.problem("service '\(name)' \(fault)")
            return nil
        }
        return name
    }

    private func known(_ reader: Reader, among names: [String], _ what: String) -> String? {
        guard let name = reader.text() else { return nil }
        guard names.contains(name) else {
            let hint = Nearest.suggestion(for: name, among: names)
            reader.problem("there is no \(what) \(Quoted.text(name))\(hint)")
            return nil
        }
        return name
    }
}

extension String {
    /// Itself, or nil where the rule finds a fault, which is reported.
    fileprivate func checked(_ rule: (String) -> String?, _ reader: Reader) -> String? {
        guard let fault = rule(self) else { return self }
        reader.problem(fault)
        return nil
    }
}
