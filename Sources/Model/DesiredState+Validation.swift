// SPDX-License-Identifier: Apache-2.0

import CDataplane

extension DesiredState {
    /// Everything that keeps it from being a generation, in the order of its entries. Empty where all is well.
    public var problems: [ValidationError.Problem] {
        var problems: [ValidationError.Problem] = []
        var names: Set<String> = []
        var vips: [VIP: String] = [:]
        for entry in entries {
            let service = entry.service
            let subject = "service \(service.name)"
            if !names.insert(service.name).inserted {
                problems.append(.init(.duplicate, subject, "there are two of this name"))
            } else if let other = vips.updateValue(service.name, forKey: service.vip) {
                problems.append(.init(.duplicate, subject, "VIP \(service.vip) belongs to service \(other)"))
            }
            problems += entry.problems.map { .init($0.code, subject + $0.subject, $0.message) }
        }
        return problems + routing.problems(beside: entries.map(\.service)) + limits
    }

    private var limits: [ValidationError.Problem] {
        var problems: [ValidationError.Problem] = []
        func check(_ count: Int, _ what: String, most: Int) {
            guard count > most else { return }
            problems.append(.init(.limit, "", "\(count) \(what): a host holds \(most)"))
        }
        check(entries.count, "services", most: Int(SERVICES_MAX))
        check(entries.reduce(0) { $0 + $1.backends.count }, "backends", most: Int(BACKENDS_MAX))
        check(
            entries.reduce(0) { $0 + $1.service.allow.count + $1.service.deny.count }, "allow and deny prefixes",
            most: Int(ACCESS_ENTRIES_MAX))
        check(
            entries.reduce(0) { $0 + $1.service.tableSize.granules }, "granules of lookup tables",
            most: Int(GRANULES_MAX))
        return problems
    }
}

extension DesiredState.Entry {
    /// Subjects follow the service's: empty, or `: backend a`.
    fileprivate var problems: [ValidationError.Problem] {
        var problems = service.problems
        var names: Set<String> = []
        for backend in backends {
            if !names.insert(backend.name).inserted {
                problems.append(.init(.duplicate, ": backend \(backend.name)", "there are two of this name"))
            }
            problems += service.problems(of: backend).map { .init($0.code, ": backend \(backend.name)", $0.message) }
        }
        let takers = backends.count { $0.weight > 0 }
        if takers == 0, !backends.isEmpty {
            problems.append(.init(.weights, "", "the weight is 0 everywhere: no backend takes new flows"))
        }
        if takers > service.tableSize.slots {
            problems.append(
                .init(.limit, "", "\(takers) backends do not fit a table of \(service.tableSize.slots) slots"))
        }
        return problems
    }
}

extension Backend {
    /// Weights beyond say nothing more, as the largest table has 65,537 slots.
    public static let maximumWeight: UInt32 = 1_000_000
}

extension VirtualService {
    /// A record's age counts 16 bits of 8 seconds, 145 hours; half of that can be told from a negative age.
    public static let maximumFlowIdle = Duration.seconds(72 * 3600)
    /// Thirty days.
    public static let maximumDrain = Duration.seconds(30 * 86400)

    /// What is wrong with the service itself, without subjects.
    var problems: [ValidationError.Problem] {
        var problems: [ValidationError.Problem] = []
        func refuse(_ message: String) { problems.append(.init(.value, "", message)) }

        if let fault = nameFault(name) { refuse("the name \(fault)") }
        if let fault = addressFault(vip.address) { refuse("VIP address \(vip.address) is \(fault)") }
        for (what, value, range) in [
            ("drain", drain, .zero...Self.maximumDrain),
            ("flow-idle", flowIdle, .seconds(1)...Self.maximumFlowIdle),
            ("udp-idle", udpIdle, .seconds(1)...Self.maximumFlowIdle),
        ] {
            if let fault = durationFault(value, range) { refuse("\(what) \(fault)") }
        }
        if brake.minimumActive < 0 { refuse("brake: min-active \(brake.minimumActive) is below 0") }
        if !(0...100).contains(brake.maximumRemoved) {
            refuse("brake: max-removed \(brake.maximumRemoved)% is not within 0% and 100%")
        }
        problems += relayProblems
        // Lists that several services share may hold both families.
        if !allow.isEmpty, !allow.contains(where: { $0.isIPv4 == vip.address.isIPv4 }) {
            let family = vip.address.isIPv4 ? "IPv4" : "IPv6"
            problems.append(
                .init(.family, "", "no client of VIP \(vip) is in its allow list, which has no \(family) prefix"))
        }
        return problems + (health?.faults ?? []).map { .init(.value, "", "health: \($0)") }
    }

    private var relayProblems: [ValidationError.Problem] {
        guard forwarding == .sockets else { return [] }
        var problems: [ValidationError.Problem] = []
        func refuse(_ message: String) { problems.append(.init(.value, "", message)) }
        if vip.port == 0 { refuse("sockets cannot listen on any port") }
        if vip.transport == .udp, relay.proxyProtocol != .none {
            refuse("proxy-protocol goes before TCP's bytes alone")
        }
        if let fault = durationFault(relay.connectTimeout, RelaySettings.connectTimeouts) {
            refuse("connect-timeout \(fault)")
        }
        if let fault = durationFault(relay.idleTimeout, RelaySettings.idleTimeouts) { refuse("idle-timeout \(fault)") }
        for (what, limit) in [
            ("max-connections", relay.maxConnections), ("max-connections-per-source", relay.maxConnectionsPerSource),
        ] {
            guard let limit, !(1...RelaySettings.connectionsMax).contains(limit) else { continue }
            refuse("\(what) \(limit) is not within 1 and \(RelaySettings.connectionsMax)")
        }
        return problems
    }

    /// What keeps this backend from serving this service, without subjects.
    func problems(of backend: Backend) -> [ValidationError.Problem] {
        var problems: [ValidationError.Problem] = []
        if let fault = nameFault(backend.name) { problems.append(.init(.value, "", "the name \(fault)")) }
        if let fault = addressFault(backend.address), forwarding != .local, forwarding != .sockets {
            problems.append(.init(.value, "", "address \(backend.address) is \(fault)"))
        }
        if backend.weight > Backend.maximumWeight {
            problems.append(.init(.value, "", "weight \(backend.weight) is above \(Backend.maximumWeight)"))
        }
        if backend.address == vip.address, forwarding != .local, forwarding != .sockets {
            problems.append(.init(.value, "", "its address is the VIP's: packets would come back"))
        }
        if forwarding == .sockets, backend.port == 0 {
            problems.append(.init(.value, "", "sockets connect to a port, and it has none"))
        }
        // There is an IPv4 packet in an IPv6 tunnel (4in6), and no other mixture.
        if forwarding == .ipip || forwarding == .gue, backend.address.isIPv4, !vip.address.isIPv4 {
            problems.append(
                .init(.family, "", "\(forwarding.rawValue) cannot carry the IPv6 of VIP \(vip) to \(backend.address)"))
        }
        return problems
    }
}

extension HealthCheck {
    fileprivate var faults: [String] {
        var faults: [String] = []
        if let fault = durationFault(interval, .milliseconds(1)...(.seconds(86400))) {
            faults.append("interval \(fault)")
        }
        if let fault = durationFault(timeout, .milliseconds(1)...(.seconds(86400))) {
            faults.append("timeout \(fault)")
        }
        if !(1...1000).contains(rise) { faults.append("rise \(rise) is not within 1 and 1000") }
        if !(1...1000).contains(fall) { faults.append("fall \(fall) is not within 1 and 1000") }
        if case .http(_, let path, let host, let status) = probe {
            if path.utf8.first != UInt8(ascii: "/") || !isToken(path) { faults.append("path \(path) is none") }
            if let host, host.isEmpty || !isToken(host) { faults.append("host \(host) is none") }
            if !(100...599).contains(status.lowerBound) || !(100...599).contains(status.upperBound) {
                faults.append("status \(status.lowerBound)-\(status.upperBound) is not within 100 and 599")
            }
        }
        return faults
    }
}

/// Visible ASCII alone: what may stand in a request's line.
private func isToken(_ text: String) -> Bool { text.utf8.allSatisfy { (0x21...0x7e).contains($0) } }

private func nameFault(_ name: String) -> String? {
    if name.isEmpty { return "is empty" }
    if name.utf8.count > 255 { return "is longer than 255 bytes" }
    if name.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) { return "has control characters" }
    return nil
}

/// Why no packet is sent to such an address.
private func addressFault(_ address: IPAddress) -> String? {
    let bits = address.v4Bits
    if address.isIPv4 {
        if bits >> 24 == 0 { return "unspecified" }
        if bits >> 24 == 127 { return "a loopback address" }
        if bits >> 28 == 14 { return "a multicast address" }
        return bits == .max ? "the broadcast address" : nil
    }
    if address.high == 0, address.low <= 1 { return address.low == 0 ? "unspecified" : "a loopback address" }
    return address.high >> 56 == 0xff ? "a multicast address" : nil
}

private func durationFault(_ value: Duration, _ range: ClosedRange<Duration>) -> String? {
    if !range.contains(value) { return "\(value) is not within \(range.lowerBound) and \(range.upperBound)" }
    // Milliseconds are what a generation holds.
    return value.components.attoseconds % 1_000_000_000_000_000 == 0 ? nil : "\(value) is finer than a millisecond"
}
