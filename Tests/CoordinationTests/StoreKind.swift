// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Coordination

/// The stores that the contract is tried on.
enum StoreKind: String, CaseIterable, CustomTestStringConvertible, Sendable {
    case memory, local, etcd, redis, consul

    /// What must be on the machine.
    var program: String? {
        switch self {
        case .memory, .local: nil
        case .etcd: "etcd"
        case .redis: "redis-server"
        case .consul: "consul"
        }
    }

    var isHere: Bool { program.map(Requirement.has) ?? true }

    static var here: [StoreKind] { allCases.filter(\.isHere) }

    /// A request's time where a test is not about time: a machine may stop for many seconds.
    static let patience = Duration.seconds(60)

    /// The shortest lease that its server grants.
    var shortestLease: Duration {
        switch self {
        case .memory, .local, .redis: .milliseconds(500)
        case .etcd: .seconds(2)
        case .consul: .seconds(1)
        }
    }

    var testDescription: String { rawValue }
}

/// A fleet's place in a server, which other tests use too; each fleet has keys of its own.
struct Site: Sendable {
    let kind: StoreKind
    let fleet: String
    private let open: @Sendable (String, String) async throws -> any FleetStore

    init(
        _ kind: StoreKind, fleet: String = "f-" + RandomName.make(),
        open: @escaping @Sendable (_ fleet: String, _ client: String) async throws -> any FleetStore
    ) {
        self.kind = kind
        self.fleet = fleet
        self.open = open
    }

    /// A client of its own, as another host has.
    func client(_ name: String) async throws -> any FleetStore { try await open(fleet, name) }

    /// The same, and the store has an identity.
    func founded(_ name: String = "a") async throws -> any FleetStore {
        let store = try await client(name)
        _ = try await store.found()
        return store
    }

    static func shared(_ kind: StoreKind) async throws -> Site {
        switch kind {
        case .memory:
            let server = MemoryServer()
            return Site(kind) { try MemoryStore(server, fleet: $0, client: $1) }
        case .local:
            let directory = try LastingDirectories.make()
            return Site(kind) { fleet, _ in
                try LocalFileStore(directory: "\(directory.path)/store", fleet: fleet)
            }
        case .etcd: return try await EtcdServer.shared.get().site()
        case .redis: return try await RedisServer.shared.get().site()
        case .consul: return try await ConsulSite.shared.get().site()
        }
    }
}
