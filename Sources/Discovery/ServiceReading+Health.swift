// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Model

extension ServiceReading {
    /// - Parameter taggedAddress: The tagged address to prefer, such as `wan`; an instance without it has its usual one.
    public init(_ entries: [HealthEntry], taggedAddress: String? = nil) {
        self.init()
        var names: Set<String> = []
        for entry in entries {
            let name = "\(entry.node.name)/\(entry.service.id)"
            do throws(CatalogProblem.Reason) {
                let instance = try Self.instance(entry, name: name, taggedAddress: taggedAddress)
                guard names.insert(name).inserted else { throw CatalogProblem.Reason("it is there twice") }
                instances.append(instance)
            } catch {
                problems.append(CatalogProblem("instance \(name)", error.message))
            }
        }
        // As Backend orders names: by their UTF-8 bytes, the same on every host.
        instances.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        let found = CatalogRoute.routes(of: instances)
        routes = found.routes
        problems = (problems + found.problems).sorted()
    }

    private static func instance(
        _ entry: HealthEntry, name: String, taggedAddress: String?
    ) throws(CatalogProblem.Reason) -> CatalogInstance {
        let place = place(of: entry, taggedAddress: taggedAddress)
        guard let address = IPAddress(place.address) else {
            throw CatalogProblem.Reason("\"\(place.address)\" is no IP address")
        }
        guard let port = UInt16(exactly: place.port) else {
            throw CatalogProblem.Reason("port \(place.port) is not in 0...65535")
        }
        let state = state(of: entry)
        let weight = state.weight(of: entry.service)
        guard (0...1_000_000).contains(weight) else {
            throw CatalogProblem.Reason("weight \(weight) is not in 0...1000000")
        }
        return CatalogInstance(
            name: name, address: address, port: port, weight: UInt32(weight), state: state.condition,
            tags: entry.service.tags.sorted(), meta: entry.service.meta,
            checks: entry.checks.map { CatalogInstance.Check(id: $0.id, status: $0.status) }
                .sorted { ($0.id, $0.status) < ($1.id, $1.status) })
    }

    /// A tagged address of the service, its own, a tagged one of its node, its node's.
    private static func place(of entry: HealthEntry, taggedAddress: String?) -> (address: String, port: Int) {
        let service = entry.service
        if let tag = taggedAddress, let tagged = service.taggedAddresses[tag], !tagged.address.isEmpty {
            return (tagged.address, tagged.port == 0 ? service.port : tagged.port)
        }
        if !service.address.isEmpty { return (service.address, service.port) }
        return (taggedAddress.flatMap { entry.node.taggedAddresses[$0] } ?? entry.node.address, service.port)
    }

    private static func state(of entry: HealthEntry) -> Aggregate {
        let maintenance = ["_node_maintenance", "_service_maintenance:\(entry.service.id)"]
        // Maintenance is a check that is critical, but a person's will: established flows are to live on.
        if entry.checks.contains(where: { maintenance.contains($0.id) }) { return .maintenance }
        let statuses = Set(entry.checks.map(\.status))
        if statuses.subtracting(["passing", "warning"]).isEmpty {
            return statuses.contains("warning") ? .warning : .passing
        }
        return .critical
    }

    private enum Aggregate {
        case passing, warning, critical, maintenance

        var condition: CatalogInstance.State {
            switch self {
            case .passing, .warning: .active
            case .critical: .out
            case .maintenance: .draining
            }
        }

        func weight(of service: HealthEntry.Service) -> Int {
            switch self {
            case .passing, .maintenance: service.passingWeight
            case .warning: service.warningWeight
            case .critical: 0
            }
        }
    }
}

extension CatalogProblem {
    struct Reason: Error {
        let message: String
        init(_ message: String) { self.message = message }
    }
}
