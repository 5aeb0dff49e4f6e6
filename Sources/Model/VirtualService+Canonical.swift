// SPDX-License-Identifier: Apache-2.0

extension VirtualService {
    private static let keys: Set<String> = [
        "name", "vip", "forward", "table-size", "hash", "udp", "on-down", "drain-ms", "flow-idle-ms", "udp-idle-ms",
        "allow", "deny", "health", "brake", "relay",
    ]

    /// As part of its blob.
    var canonical: CanonicalValue {
        var members: [String: CanonicalValue] = [
            "name": .string(name), "vip": .string(vip.description), "forward": .string(forwarding.rawValue),
            "table-size": .integer(Int64(tableSize.rawValue)), "hash": .string(flowKey.rawValue),
            "udp": .string(udp.rawValue), "on-down": .string(onDown.rawValue), "drain-ms": .milliseconds(drain),
            "flow-idle-ms": .milliseconds(flowIdle), "udp-idle-ms": .milliseconds(udpIdle),
            "allow": .array(allow.map { .string($0.description) }),
            "deny": .array(deny.map { .string($0.description) }),
            "brake": .object([
                "min-active": .integer(Int64(brake.minimumActive)),
                "max-removed": .integer(Int64(brake.maximumRemoved)),
            ]),
        ]
        // Schema 3 has it, for those that it concerns.
        if forwarding == .sockets { members["relay"] = relay.canonical }
        if let health { members["health"] = health.canonical }
        return .object(members)
    }

    init(_ reader: CanonicalReader) throws(CanonicalError) {
        let fields = try reader.object(Self.keys)
        let brake = try fields["brake"].object(["min-active", "max-removed"])
        let size: UInt32 = try fields["table-size"].integer()
        guard let tableSize = TableSize(rawValue: size) else {
            throw try fields["table-size"].fault("\(size) is no size of a table")
        }
        self.init(
            name: try fields["name"].string(), vip: try fields["vip"].parsed(as: "VIP"),
            forwarding: try fields["forward"].choice(), tableSize: tableSize, flowKey: try fields["hash"].choice(),
            udp: try fields["udp"].choice(), onDown: try fields["on-down"].choice(),
            drain: try fields["drain-ms"].milliseconds(), flowIdle: try fields["flow-idle-ms"].milliseconds(),
            udpIdle: try fields["udp-idle-ms"].milliseconds(), allow: try fields["allow"].array(Self.prefix),
            deny: try fields["deny"].array(Self.prefix),
            health: try fields.optional("health").map(HealthCheck.init(reading:)),
            brake: Brake(
                minimumActive: try brake["min-active"].integer(0...Int(Int32.max)),
                maximumRemoved: try brake["max-removed"].integer(0...100)))
        guard (forwarding == .sockets) == (fields.optional("relay") != nil) else {
            throw reader.fault("'relay' belongs to forward sockets, and to each service of it")
        }
        if let relay = fields.optional("relay") { self.relay = try RelaySettings(relay) }
    }

    private static func prefix(_ reader: CanonicalReader) throws(CanonicalError) -> IPPrefix {
        try reader.parsed(as: "prefix")
    }
}

extension HealthCheck {
    fileprivate var canonical: CanonicalValue {
        var members: [String: CanonicalValue] = [
            "through-tunnel": .bool(throughTunnel), "interval-ms": .milliseconds(interval),
            "timeout-ms": .milliseconds(timeout), "rise": .integer(Int64(rise)), "fall": .integer(Int64(fall)),
        ]
        switch probe {
        case .tcp(let port):
            members["tcp"] = .object(port.map { ["port": .integer(Int64($0))] } ?? [:])
        case .http(let port, let path, let host, let status):
            var http: [String: CanonicalValue] = [
                "path": .string(path),
                "status": .array([.integer(Int64(status.lowerBound)), .integer(Int64(status.upperBound))]),
            ]
            if let port { http["port"] = .integer(Int64(port)) }
            if let host { http["host"] = .string(host) }
            members["http"] = .object(http)
        }
        return .object(members)
    }

    fileprivate init(reading reader: CanonicalReader) throws(CanonicalError) {
        let fields = try reader.object(["tcp", "http", "through-tunnel", "interval-ms", "timeout-ms", "rise", "fall"])
        let probe: Probe
        switch (fields.optional("tcp"), fields.optional("http")) {
        case (let tcp?, nil): probe = .tcp(port: try tcp.object(["port"]).optional("port")?.integer())
        case (nil, let http?): probe = try Self.http(http)
        default: throw reader.fault("expected one of 'tcp' and 'http'")
        }
        self.init(
            probe: probe, throughTunnel: try fields["through-tunnel"].bool(),
            interval: try fields["interval-ms"].milliseconds(), timeout: try fields["timeout-ms"].milliseconds(),
            rise: try fields["rise"].integer(1...1000), fall: try fields["fall"].integer(1...1000))
    }

    private static func http(_ reader: CanonicalReader) throws(CanonicalError) -> Probe {
        let fields = try reader.object(["port", "path", "host", "status"])
        let status: [Int] = try fields["status"].array { reader throws(CanonicalError) in try reader.integer(100...599)
        }
        guard status.count == 2, status[0] <= status[1] else {
            throw try fields["status"].fault("expected the first and the last code")
        }
        return .http(
            port: try fields.optional("port")?.integer(), path: try fields["path"].string(),
            host: try fields.optional("host")?.string(), status: status[0]...status[1])
    }
}

extension CanonicalValue {
    static func milliseconds(_ duration: Duration) -> CanonicalValue {
        let (seconds, attoseconds) = duration.components
        return .integer(seconds * 1000 + attoseconds / 1_000_000_000_000_000)
    }
}
