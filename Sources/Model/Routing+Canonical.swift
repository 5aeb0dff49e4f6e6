// SPDX-License-Identifier: Apache-2.0

extension Routing {
    /// As part of a manifest; schema 4 has it, where there is any.
    public var canonical: CanonicalValue {
        .object([
            "listeners": .array(listeners.map(\.canonical)), "routes": .array(routes.map(\.canonical)),
        ])
    }

    public init(_ reader: CanonicalReader) throws(CanonicalError) {
        let fields = try reader.object(["listeners", "routes"])
        let listeners = try fields["listeners"].array { reader throws(CanonicalError) in try Listener(reader) }
        self.init(
            listeners: listeners,
            routes: try fields["routes"].array { reader throws(CanonicalError) in try Route(reader) })
        guard self.listeners == listeners else { throw reader.fault("listeners are out of order") }
        guard !isEmpty else { throw reader.fault("there is none") }
    }
}

extension Listener {
    fileprivate var canonical: CanonicalValue {
        var members: [String: CanonicalValue] = [
            "name": .string(name), "bind": .string("\(bind)"), "protocol": .string(speech.rawValue),
        ]
        if let tls { members["tls"] = tls.canonical }
        if forwarded != .xForwarded { members["forwarded"] = .string(forwarded.rawValue) }
        if !trustedProxies.isEmpty {
            members["trusted-proxies"] = .array(trustedProxies.map { .string("\($0)") })
        }
        if let accessLog { members["access-log"] = .string(accessLog) }
        if let sniffing { members.merge(sniffing.members) { _, own in own } }
        return .object(members)
    }

    fileprivate init(_ reader: CanonicalReader) throws(CanonicalError) {
        let fields = try reader.object([
            "name", "bind", "protocol", "tls", "passages", "raw", "access-log", "forwarded", "trusted-proxies",
        ])
        let speech: Speech = try fields["protocol"].choice()
        let raw = try fields.optional("raw")?.string()
        let sniffing = try fields.optional("passages").map { reader throws(CanonicalError) in
            try Sniffing(passages: reader, raw: raw)
        }
        guard (sniffing != nil) == (speech == .sniff), raw == nil || sniffing != nil else {
            throw reader.fault("'passages' belongs to protocol sniff, and to each")
        }
        self.init(
            name: try fields["name"].string(), bind: try fields["bind"].parsed(as: "VIP"),
            tls: try fields.optional("tls").map { reader throws(CanonicalError) in try ListenerTLS(reader) },
            sniffing: sniffing, accessLog: try fields.optional("access-log")?.string(),
            forwarded: try fields.optional("forwarded")?.choice() ?? .xForwarded,
            trustedProxies: try fields.optional("trusted-proxies")?.array { reader throws(CanonicalError) in
                try reader.parsed(as: "prefix")
            } ?? [])
    }
}

extension Route {
    private static let keys: Set<String> = [
        "listener", "host", "path", "exact", "method", "headers", "services", "upstream", "timeout-ms", "retries",
    ]

    fileprivate var canonical: CanonicalValue {
        var members: [String: CanonicalValue] = [
            "path": .string(match.path), "exact": .bool(match.isExact), "upstream": .string(upstream.rawValue),
            "timeout-ms": .milliseconds(timeout), "retries": .integer(Int64(retries)),
            "services": .array(
                targets.map { .object(["name": .string($0.service), "weight": .integer(Int64($0.weight))]) }),
        ]
        if let listener { members["listener"] = .string(listener) }
        if let host = match.host { members["host"] = .string(host) }
        if let method = match.method { members["method"] = .string(method) }
        if !match.headers.isEmpty {
            members["headers"] = .array(
                match.headers.map { header in
                    var members: [String: CanonicalValue] = ["name": .string(header.name)]
                    if let value = header.value { members["value"] = .string(value) }
                    return .object(members)
                })
        }
        return .object(members)
    }

    fileprivate init(_ reader: CanonicalReader) throws(CanonicalError) {
        let fields = try reader.object(Self.keys)
        let headers = try fields.optional("headers")?.array { reader throws(CanonicalError) in
            let fields = try reader.object(["name", "value"])
            return Header(name: try fields["name"].string(), value: try fields.optional("value")?.string())
        }
        self.init(
            listener: try fields.optional("listener")?.string(),
            match: Match(
                host: try fields.optional("host")?.string(), path: try fields["path"].string(),
                isExact: try fields["exact"].bool(), method: try fields.optional("method")?.string(),
                headers: headers ?? []),
            targets: try fields["services"].array { reader throws(CanonicalError) in
                let fields = try reader.object(["name", "weight"])
                return Target(
                    service: try fields["name"].string(),
                    weight: try fields["weight"].integer(0...UInt32(Self.weightMax)))
            }, upstream: try fields["upstream"].choice(), timeout: try fields["timeout-ms"].milliseconds(),
            retries: try fields["retries"].integer(0...Self.retriesMax))
        if let fault = faults.first { throw reader.fault(fault) }
    }
}
