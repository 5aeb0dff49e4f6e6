// SPDX-License-Identifier: Apache-2.0

import Model

/// The backends of one service. What is nil was wrong and is reported; checks that need it are left out.
struct BackendsReader {
    private static let weightMax = 1_000_000

    let vip: VIP?
    let forwarding: Forwarding?
    let size: TableSize?

    func backends(_ service: Fields) -> (named: [Backend], query: CatalogQuery?) {
        guard forwarding != .local else { return ([local(service)].compactMap { $0 }, nil) }
        guard let reader = service.required("backends"),
            let fields = Fields(reader, of: "'backends'", keys: ["static", "consul"])
        else { return ([], nil) }
        let query = fields["consul"].flatMap(query)
        guard let list = fields["consul"] == nil ? fields.required("static") : fields["static"] else {
            return ([], query)
        }
        let readers = list.elements(of: "backends")
        let backends = readers.compactMap(backend)
        // A judgement over all of them is only just where all of them could be read.
        if case .list(let nodes) = list.kind, nodes.count == backends.count {
            judge(backends, list, beside: fields["consul"] != nil)
        }
        refuseDoubles(backends, list.report)
        return (backends.map(\.backend), query)
    }

    private func query(_ reader: Reader) -> CatalogQuery? {
        let keys = ["service", "filter", "tagged-address", "datacenter"]
        guard let fields = Fields(reader, of: "'consul'", keys: keys) else { return nil }
        let filter = fields["filter"].map { $0.filter() }
        let tag = fields["tagged-address"].map { $0.word(lengthMax: 64, NameRule.request) }
        let datacenter = fields["datacenter"].map { $0.word(lengthMax: 64, NameRule.key) }
        guard let service = fields.required("service")?.word(lengthMax: 255, NameRule.request) else { return nil }
        return CatalogQuery(
            service: service, filter: filter ?? nil, taggedAddress: tag ?? nil, datacenter: datacenter ?? nil)
    }

    /// The one backend that `local` means: this host.
    private func local(_ service: Fields) -> Backend? {
        service["backends"]?.problem("forward local delivers to this host; leave the key out")
        guard let vip else { return nil }
        return Backend(name: "local", address: vip.address, port: vip.port)
    }

    private func backend(_ reader: Reader) -> Placed? {
        guard let fields = Fields(reader, of: "a backend", keys: ["name", "address", "port", "weight"]) else {
            return nil
        }
        let name = fields["name"].map { $0.word(lengthMax: 255, NameRule.backend) }
        let address = fields.required("address")?.hostAddress()
        let port = fields["port"].map { $0.port() }
        let weight = fields["weight"].map { $0.integer(0...BackendsReader.weightMax) } ?? 1
        guard let address else { return nil }
        if let reader = fields["address"] { check(address, reader) }
        // Told and wrong is reported: nil within the optional.
        guard let chosen = port ?? .some(vip?.port ?? 0), let weight else { return nil }
        let given = name ?? .some(BackendsReader.name(of: address, port: chosen))
        guard let given else { return nil }
        if let reader = fields["port"] { warn(chosen, of: given, reader) }
        return Placed(
            backend: Backend(name: given, address: address, port: chosen, weight: UInt32(weight)), place: fields.place)
    }

    private struct Placed {
        let backend: Backend
        let place: Place
    }

    /// `10.0.1.4:443`, `[2001:db8::4]:443`, `10.0.1.4:any`.
    private static func name(of address: IPAddress, port: UInt16) -> String {
        (address.isIPv4 ? "\(address)" : "[\(address)]") + ":" + (port == 0 ? "any" : "\(port)")
    }

    // MARK: Checks

    private func check(_ address: IPAddress, _ reader: Reader) {
        guard let vip, let forwarding else { return }
        if address == vip.address { return reader.problem("\(address) is the VIP itself: packets would go round") }
        let (inner, outer) = (Family(vip.address), Family(address))
        switch forwarding {
        case .ipip, .gue:
            guard inner == .ipv6, outer == .ipv4 else { return }
            reader.problem("\(address) is IPv4 and the VIP is IPv6: \(forwarding) needs an IPv6 backend")
        case .l2:
            guard inner != outer else { return }
            reader.problem("\(address) is \(outer) and the VIP is \(inner): l2 needs the same family")
        case .local, .sockets: break
        }
    }

    /// Under these the packet keeps the VIP's port.
    private func warn(_ port: UInt16, of name: String, _ reader: Reader) {
        guard let vip, let forwarding, [.ipip, .gue, .l2].contains(forwarding), port != vip.port else { return }
        let kept = vip.port == 0 ? "the port that the client dials" : "the VIP's port \(vip.port)"
        let message = "port \(port) of backend '\(name)' serves its probes only: \(forwarding) keeps \(kept)"
        reader.report.warn(message, at: reader.place)
    }

    /// - Parameter isNotAll: whether more are found in Consul.
    private func judge(_ backends: [Placed], _ list: Reader, beside isNotAll: Bool) {
        let active = backends.count { $0.backend.weight > 0 }
        if isNotAll {
            // Those decide.
        } else if backends.isEmpty {
            list.problem("a service needs at least one backend")
        } else if active == 0 {
            list.problem("every backend has weight 0: nothing could take a new flow")
        }
        guard let size, active > size.slots else { return }
        let larger = TableSize.allCases.first { $0.slots >= active }.map { "; table-size \($0.rawValue) has room" }
        list.problem("\(active) backends do not fit a table of \(size.slots) slots\(larger ?? "")")
    }

    private func refuseDoubles(_ backends: [Placed], _ report: Report) {
        var lines: [String: Int] = [:]
        for placed in backends {
            let name = placed.backend.name
            if let line = lines[name] {
                report.add("a second backend '\(name)'; the first is in line \(line)", at: placed.place)
            } else {
                lines[name] = placed.place.line
            }
        }
    }
}

extension Reader {
    /// In Consul's filter language, which only Consul knows.
    fileprivate func filter() -> String? {
        guard let text = text("a filter") else { return nil }
        guard !text.isEmpty, text.utf8.count <= 4_096, text.unicodeScalars.allSatisfy(Quoted.isPrintable) else {
            expected("a filter in one line, such as 'Service.Meta.tier == \"edge\"'")
            return nil
        }
        return text
    }
}
