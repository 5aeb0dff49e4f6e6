// SPDX-License-Identifier: Apache-2.0

import Model

/// One entry of `services`.
struct ServiceReader {
    private static let keys =
        [
            "name", "vip", "forward", "table-size", "hash", "udp", "on-down", "drain", "flow-idle", "udp-idle", "allow",
            "deny", "health", "backends", "brake",
        ] + RelayReader.keys

    private let fields: Fields
    private let defaults: ServiceDefaults

    init?(_ reader: Reader, _ defaults: ServiceDefaults) {
        guard let fields = Fields(reader, of: "a service", keys: ServiceReader.keys) else { return nil }
        self.fields = fields
        self.defaults = defaults
    }

    /// The service as far as it can be read; every field is read, whatever is wrong with the others.
    func declared() -> DeclaredService {
        let name = fields.required("name")?.word(lengthMax: 63, NameRule.service)
        let vip = fields.required("vip").flatMap(vip)
        let forwarding = forwarding()
        let size = tableSize()
        let allow = fields["allow"].map { prefixes($0, vip) } ?? []
        let deny = fields["deny"].map { prefixes($0, vip) } ?? []
        var durations = defaults
        durations.read(fields)
        let backends = BackendsReader(vip: vip, forwarding: forwarding, size: size).backends(fields)
        let health = fields["health"].flatMap {
            HealthReader(forwarding: forwarding, pace: defaults.pace).health($0, of: backends.named)
        }
        var declared = DeclaredService(
            place: fields.place, name: name, vip: vip, granules: (size ?? .medium).granules,
            backends: backends.named.count, prefixes: allow.count + deny.count)
        let brake = brake()
        let relay = RelayReader(forwarding: forwarding, vip: vip).settings(fields)
        let flowKey = fields["hash"]?.choice(FlowKey.self) ?? .fiveTuple
        let udp = fields["udp"]?.choice(UDPTracking.self) ?? .tracked
        let onDown = fields["on-down"]?.choice(DownPolicy.self) ?? .keep
        guard let name, let vip, let forwarding, let size else { return declared }
        let service = VirtualService(
            name: name, vip: vip, forwarding: forwarding, tableSize: size,
            flowKey: flowKey, udp: udp, onDown: onDown, drain: durations.drain, flowIdle: durations.flowIdle,
            udpIdle: durations.udpIdle, allow: allow, deny: deny, health: health, brake: brake,
            relay: relay)
        declared.entry = DesiredState.Entry(
            service: service, backends: backends.named, query: backends.query)
        return declared
    }

    private func vip(_ reader: Reader) -> VIP? {
        guard let fields = Fields(reader, of: "a VIP", keys: ["address", "port", "protocol"]) else { return nil }
        let address = fields.required("address")?.hostAddress()
        let port = fields.required("port")?.portOrAny()
        let transport = fields.required("protocol")?.choice(TransportName.self)?.transport
        guard let address, let port, let transport else { return nil }
        return VIP(address: address, port: port, transport: transport)
    }

    private func forwarding() -> Forwarding? {
        guard let reader = fields["forward"] else { return .ipip }
        return reader.choice(Forwarding.self)
    }

    private func tableSize() -> TableSize? {
        guard let reader = fields["table-size"] else { return .medium }
        if case .number(let digits) = reader.kind, let size = UInt32(digits).flatMap(TableSize.init(rawValue:)) {
            return size
        }
        reader.expected(Words.either(TableSize.allCases.map { "\($0.rawValue)" }))
        return nil
    }

    private func prefixes(_ reader: Reader, _ vip: VIP?) -> [IPPrefix] {
        var prefixes: [IPPrefix] = []
        for element in reader.elements(of: "prefixes") {
            guard let prefix = element.prefix() else { continue }
            prefixes.append(prefix)
            guard let vip, vip.address.isIPv4 != prefix.isIPv4 else { continue }
            let family = Family(isIPv4: prefix.isIPv4)
            element.problem("\(prefix) is \(family), and the VIP's clients are \(Family(vip.address))")
        }
        return prefixes
    }

    private func brake() -> Brake {
        var brake = Brake()
        guard let reader = fields["brake"],
            let fields = Fields(reader, of: "a brake", keys: ["min-active", "max-removed"])
        else { return brake }
        brake.minimumActive = fields["min-active"]?.integer(0...32_767) ?? brake.minimumActive
        brake.maximumRemoved = fields["max-removed"]?.percentage() ?? brake.maximumRemoved
        return brake
    }
}

/// Transports as documents name them.
private enum TransportName: String, CaseIterable {
    case tcp, udp

    var transport: TransportProtocol { self == .tcp ? .tcp : .udp }
}

extension Reader {
    /// 1...65535.
    func port() -> UInt16? { integer(1...65_535, "a port").map { UInt16($0) } }

    /// 0 stands for any.
    func portOrAny() -> UInt16? {
        if case .text("any") = kind { return 0 }
        return integer(1...65_535, "'any' or a port").map { UInt16($0) }
    }

    /// `50%`, as its number.
    func percentage() -> Int? {
        guard case .text(let text) = kind, text.hasSuffix("%"), case let digits = text.dropLast(),
            let value = Int(digits), String(value) == digits, 0...100 ~= value
        else {
            expected("a share from 0% to 100%")
            return nil
        }
        return value
    }
}
