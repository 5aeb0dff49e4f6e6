// SPDX-License-Identifier: Apache-2.0

import Model

extension Sniffing {
    /// From a listener's `passthrough` and `raw`; nil, and reported, where they are wrong.
    init?(_ fields: Fields, beside services: ServicesTogether) {
        let list = fields["passthrough"]
        let elements = list?.elements(of: "passthrough") ?? []
        let passages = elements.map { Self.passage($0, services) }
        let raw = fields["raw"].map { Self.service($0, services) }
        if elements.count > Self.passagesMax { list?.problem("there may be \(Self.passagesMax)") }
        var known: Set<String> = []
        for (element, passage) in zip(elements, passages) {
            guard let passage, !known.insert(passage.host).inserted else { continue }
            element.problem("'\(passage.host)' passes through already")
        }
        if let raw, raw == nil { return nil }
        guard passages.allSatisfy({ $0 != nil }) else { return nil }
        self.init(passages: passages.compactMap(\.self), raw: raw ?? nil)
    }

    private static func passage(_ reader: Reader, _ services: ServicesTogether) -> Passage? {
        guard let fields = Fields(reader, of: "a passage", keys: ["host", "service"]) else { return nil }
        let host = fields.required("host").flatMap { reader -> String? in
            guard let host = reader.text()?.lowercased() else { return nil }
            guard let fault = RouteText.hostFault(host) else { return host }
            reader.problem(fault)
            return nil
        }
        let service = fields.required("service").flatMap { Self.service($0, services) }
        guard let host, let service else { return nil }
        return Passage(host: host, service: service)
    }

    private static func service(_ reader: Reader, _ services: ServicesTogether) -> String? {
        guard let name = reader.text() else { return nil }
        guard services.declared.contains(name) else {
            let hint = Nearest.suggestion(for: name, among: services.declared)
            reader.problem("there is no service \(Quoted.text(name))\(hint)")
            return nil
        }
        if let vip = services.vips[name], let fault = fault(of: VirtualService(name: name, vip: vip)) {
            reader.problem("service '\(name)' \(fault)")
            return nil
        }
        return name
    }
}
