// SPDX-License-Identifier: Apache-2.0

/// One instance of a service with its node and all checks of both, as `/health/service` lists it.
public struct HealthEntry: Decodable, Hashable, Sendable {
    public struct Node: Decodable, Hashable, Sendable {
        public var name: String
        public var address: String
        /// `lan`, `wan`, `lan_ipv4` and so on.
        public var taggedAddresses: [String: String]
        public var meta: [String: String]
    }

    public struct TaggedAddress: Decodable, Hashable, Sendable {
        public var address: String
        public var port: Int

        enum CodingKeys: String, CodingKey {
            case address = "Address"
            case port = "Port"
        }
    }

    public struct Service: Decodable, Hashable, Sendable {
        /// Unique on its node alone.
        public var id: String
        public var name: String
        public var tags: [String]
        /// Empty: the node's.
        public var address: String
        /// 0: none.
        public var port: Int
        public var taggedAddresses: [String: TaggedAddress]
        public var meta: [String: String]
        public var passingWeight: Int
        public var warningWeight: Int
    }

    public var node: Node
    public var service: Service
    public var checks: [HealthCheckResult]
}

/// One check, of a node or of a service's instance.
public struct HealthCheckResult: Decodable, Hashable, Sendable {
    public var node: String
    public var id: String
    public var name: String
    /// `passing`, `warning`, `critical`.
    public var status: String
    /// Empty for a check of the node.
    public var serviceID: String
    public var serviceName: String
}

extension HealthEntry {
    private enum Key: String, CodingKey {
        case node = "Node"
        case service = "Service"
        case checks = "Checks"
    }

    // Go writes null for an empty list or map, and leaves out what is omitempty.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        node = try fields.decode(Node.self, forKey: .node)
        service = try fields.decode(Service.self, forKey: .service)
        checks = try fields.decodeIfPresent([HealthCheckResult].self, forKey: .checks) ?? []
    }
}

extension HealthEntry.Node {
    private enum Key: String, CodingKey {
        case name = "Node"
        case address = "Address"
        case taggedAddresses = "TaggedAddresses"
        case meta = "Meta"
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        name = try fields.decode(String.self, forKey: .name)
        address = try fields.decodeIfPresent(String.self, forKey: .address) ?? ""
        taggedAddresses = try fields.decodeIfPresent([String: String].self, forKey: .taggedAddresses) ?? [:]
        meta = try fields.decodeIfPresent([String: String].self, forKey: .meta) ?? [:]
    }
}

extension HealthEntry.Service {
    private enum Key: String, CodingKey {
        case id = "ID"
        case name = "Service"
        case tags = "Tags"
        case address = "Address"
        case port = "Port"
        case meta = "Meta"
        case taggedAddresses = "TaggedAddresses"
        case weights = "Weights"
    }

    private struct Weights: Decodable {
        var passing: Int?
        var warning: Int?

        private enum CodingKeys: String, CodingKey {
            case passing = "Passing"
            case warning = "Warning"
        }
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        id = try fields.decode(String.self, forKey: .id)
        name = try fields.decode(String.self, forKey: .name)
        tags = try fields.decodeIfPresent([String].self, forKey: .tags) ?? []
        address = try fields.decodeIfPresent(String.self, forKey: .address) ?? ""
        port = try fields.decodeIfPresent(Int.self, forKey: .port) ?? 0
        meta = try fields.decodeIfPresent([String: String].self, forKey: .meta) ?? [:]
        taggedAddresses =
            try fields.decodeIfPresent([String: HealthEntry.TaggedAddress].self, forKey: .taggedAddresses) ?? [:]
        let weights = try fields.decodeIfPresent(Weights.self, forKey: .weights)
        passingWeight = weights?.passing ?? 1
        warningWeight = weights?.warning ?? 1
    }
}

extension HealthCheckResult {
    private enum Key: String, CodingKey {
        case node = "Node"
        case id = "CheckID"
        case name = "Name"
        case status = "Status"
        case serviceID = "ServiceID"
        case serviceName = "ServiceName"
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        node = try fields.decodeIfPresent(String.self, forKey: .node) ?? ""
        id = try fields.decode(String.self, forKey: .id)
        name = try fields.decodeIfPresent(String.self, forKey: .name) ?? ""
        status = try fields.decode(String.self, forKey: .status)
        serviceID = try fields.decodeIfPresent(String.self, forKey: .serviceID) ?? ""
        serviceName = try fields.decodeIfPresent(String.self, forKey: .serviceName) ?? ""
    }
}

extension ConsulClient {
    /// All instances of a service, whatever their checks say. A service that nobody registered has none, and so has
    /// one that the token may not read.
    ///
    /// - Parameter filter: In Consul's filter language; nil for all.
    public func healthService(
        _ name: String, filter: String? = nil, query: [ConsulParameter] = [],
        consistency: ConsulConsistency = .default, blocking: ConsulBlocking? = nil
    ) async throws -> ConsulAnswer<[HealthEntry]> {
        let response = try await get(
            "/health/service/" + Self.encoded(name), query: query + Self.filter(filter), consistency: consistency,
            blocking: blocking)
        return ConsulAnswer(value: try response.decoded(), response: response)
    }

    /// All checks, of those that the filter lets through; wakes on every change of a check.
    public func healthStates(
        filter: String? = nil, consistency: ConsulConsistency = .default, blocking: ConsulBlocking? = nil
    ) async throws -> ConsulAnswer<[HealthCheckResult]> {
        let response = try await get(
            "/health/state/any", query: Self.filter(filter), consistency: consistency, blocking: blocking)
        return ConsulAnswer(value: try response.decoded(), response: response)
    }

    /// The names of all services with the tags that any instance has; wakes on registrations.
    public func catalogServices(
        consistency: ConsulConsistency = .default, blocking: ConsulBlocking? = nil
    ) async throws -> ConsulAnswer<[String: [String]]> {
        let response = try await get("/catalog/services", consistency: consistency, blocking: blocking)
        let value: [String: [String]?] = try response.decoded()
        return ConsulAnswer(value: value.mapValues { $0 ?? [] }, response: response)
    }

    private static func filter(_ text: String?) -> [ConsulParameter] {
        text.map { [ConsulParameter("filter", $0)] } ?? []
    }
}
