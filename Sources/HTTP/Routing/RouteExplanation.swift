// SPDX-License-Identifier: Apache-2.0

/// Which route of a configuration takes a request, and why the others do not: by the table that requests go by.
public struct RouteExplanation: Sendable, Equatable {
    /// The first demand of a route that a request does not meet.
    public enum Miss: Sendable, Hashable {
        case host, path, method
        /// By name.
        case header(String)
        /// It would take the request, and another one goes first.
        case outranked
    }

    public struct Other: Sendable, Equatable {
        /// Its place among the configuration's routes.
        public let route: Int
        public let miss: Miss
    }

    /// As it is compared with routes; nil: it has a percent sign without two digits, and no route takes it.
    public let path: String?
    /// The place of the route that takes it; nil: none does.
    public let route: Int?
    /// The nearest first: those that meet more of their demands.
    public let others: [Other]

    /// - Parameters:
    ///   - authority: with or without a port.
    ///   - fields: names in lower case, with their values.
    public init(
        _ configuration: ProxyConfiguration, authority: String, target: String, method: String,
        fields: [(name: String, value: String)]
    ) {
        let request = Request(authority: authority, target: target, method: method, fields: fields)
        let rules = configuration.routes.map(ProxyRoutes.rule)
        path = request.path
        let taken = request.rule(of: rules)
        route = taken
        guard path != nil else {
            others = []
            return
        }
        others = rules.indices.filter { $0 != taken }
            .map { Other(route: $0, miss: request.miss(rules[$0])) }
            .sorted { ($0.miss.depth, $1.route) > ($1.miss.depth, $0.route) }
    }
}

extension RouteExplanation.Miss {
    /// The more, the nearer it came.
    fileprivate var depth: Int {
        switch self {
        case .host: 0
        case .path: 1
        case .method: 2
        case .header: 3
        case .outranked: 4
        }
    }
}

/// A request as tables are asked for it.
private struct Request {
    let authority: [UInt8]
    let method: [UInt8]
    let path: String?
    let fields: [(name: String, value: String)]

    init(authority: String, target: String, method: String, fields: [(name: String, value: String)]) {
        self.authority = Array(authority.utf8)
        self.method = Array(method.utf8)
        self.fields = fields
        let bytes = Array(target.utf8)
        path = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(bytes.count, 1)) { scratch in
            bytes.withUnsafeBufferPointer { target in
                RoutePath.normalised(target, scratch: scratch).map { String(decoding: $0, as: UTF8.self) }
            }
        }
    }

    /// The place of the one that takes it.
    func rule(of rules: [RouteRule]) -> Int? {
        guard let path else { return nil }
        let table = RouteTable(rules)
        var section = FieldSection()
        for field in fields { section.append(field.name, field.value) }
        let bytes = Array(path.utf8)
        return authority.withUnsafeBufferPointer { authority in
            bytes.withUnsafeBufferPointer { path in
                method.withUnsafeBufferPointer { method in
                    table.rule(authority: authority, path: path, method: method, section).map { table.number(of: $0) }
                }
            }
        }
    }

    /// Which demand of a rule is the first that it does not meet: they are put to a table one after the other.
    func miss(_ rule: RouteRule) -> RouteExplanation.Miss {
        var asked = RouteRule(host: rule.host, targets: rule.targets)
        if self.rule(of: [asked]) == nil { return .host }
        asked.path = rule.path
        if self.rule(of: [asked]) == nil { return .path }
        asked.method = rule.method
        if self.rule(of: [asked]) == nil { return .method }
        for header in rule.headers {
            asked.headers.append(header)
            if self.rule(of: [asked]) == nil { return .header(header.name) }
        }
        return .outranked
    }
}

extension FieldSection {
    /// A line as a client would have sent it.
    fileprivate mutating func append(_ name: String, _ value: String) {
        let (name, value) = (Array(name.utf8), Array(value.utf8))
        (name + value + [0]).withUnsafeBufferPointer { text in
            guard let start = text.baseAddress else { return }
            let hash = FieldHash.hash(start, name.count)
            let known = Tables.shared.names.name(start, name.count, hash: hash)
            append(
                FieldLine(
                    start: 0, nameCount: UInt32(name.count), valueCount: UInt32(value.count), hash: hash, name: known,
                    form: .indexed, faults: []), text: start)
        }
    }
}
