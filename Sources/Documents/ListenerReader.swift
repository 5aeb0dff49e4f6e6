// SPDX-License-Identifier: Apache-2.0

import Model

/// One entry of `listeners`.
struct ListenerReader {
    private static let keys = [
        "name", "address", "port", "protocol", "tls", "passthrough", "raw", "access-log", "forwarded",
        "trusted-proxies",
    ]

    /// All that could be read, and the places of all that are there, by name.
    static func listeners(
        _ reader: Reader?, beside services: ServicesTogether
    ) -> (read: [Listener], places: [String: Place]) {
        guard let reader else { return ([], [:]) }
        var places: [String: Place] = [:]
        var binds: [VIP: String] = [:]
        var read: [Listener] = []
        let elements = reader.elements(of: "listeners")
        if elements.count > Routing.listenersMax { reader.problem("there may be \(Routing.listenersMax)") }
        for element in elements {
            guard let fields = Fields(element, of: "a listener", keys: keys) else { continue }
            let name = fields.required("name")?.word(lengthMax: 63, NameRule.service)
            let bind = bind(fields)
            let speech = fields["protocol"].map { $0.choice(Listener.Speech.self) } ?? .http
            if let name, let first = places[name] {
                fields.problem("a second listener '\(name)'; the first is in line \(first.line)")
            } else if let name {
                places[name] = fields.place
            }
            let tls = fields["tls"].map { ListenerTLS($0) } ?? .some(nil)
            let log = fields["access-log"].map { $0.absolutePath() } ?? .some(nil)
            let told = fields["forwarded"].map { $0.choice(Listener.ForwardedFields.self) } ?? .xForwarded
            let trusted = fields["trusted-proxies"].map(prefixes) ?? []
            let sniffing = sniffing(fields, speech ?? .sniff, beside: services)
            guard let name, let bind, speech != nil, let tls, let sniffing, let log, let told else { continue }
            if let owner = services.owner(of: bind) { fields.problem("\(bind) belongs to service '\(owner)'") }
            if let other = binds.updateValue(name, forKey: bind), other != name {
                fields.problem("listeners '\(other)' and '\(name)' share \(bind)")
            }
            read.append(
                Listener(
                    name: name, bind: bind, tls: tls, sniffing: sniffing, accessLog: log, forwarded: told,
                    trustedProxies: trusted))
        }
        return (read, places)
    }

    /// The inner nil: it speaks only HTTP; the outer: it is wrong, and reported.
    private static func sniffing(
        _ fields: Fields, _ speech: Listener.Speech, beside services: ServicesTogether
    ) -> Sniffing?? {
        if speech == .sniff { return Sniffing(fields, beside: services).map { .some($0) } }
        for key in ["passthrough", "raw"] where fields[key] != nil {
            fields[key]?.problem("'\(key)' needs 'protocol: sniff'")
        }
        return .some(nil)
    }

    /// Those that are; the others are reported.
    private static func prefixes(_ reader: Reader) -> [IPPrefix] {
        let elements = reader.elements(of: "trusted-proxies")
        if elements.count > Listener.trustedProxiesMax {
            reader.problem("there may be \(Listener.trustedProxiesMax)")
        }
        return elements.compactMap { $0.prefix() }
    }

    private static func bind(_ fields: Fields) -> VIP? {
        let address = fields.required("address")?.hostAddress()
        let port = fields.required("port")?.port()
        guard let address, let port else { return nil }
        return VIP(address: address, port: port, transport: .tcp)
    }
}
