// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Synchronization
import TestSupport

@testable import Coordination

/// One Consul server, alone, with sessions as short as a test wants them.
struct ConsulSite: Sendable {
    let process: StoreProcess
    let client: ConsulClient
    let port: UInt16

    /// A client must not go before it is shut down: they last as long as the tests.
    private static let clients = Mutex<[ConsulClient]>([])

    static let shared = Shared { try await ConsulSite() }

    init() async throws {
        let directory = try TemporaryDirectory()
        let ports = try (0..<3).map { _ in try StoreProcess.freePort() }
        port = ports[0]
        let file = try directory.write(
            """
            { "bind_addr": "127.0.0.1", "node_name": "node-1", "disable_update_check": true,
              "session_ttl_min": "1s", "performance": { "raft_multiplier": 1 },
              "limits": { "http_max_conns_per_client": 1000 },
              "ports": { "http": \(ports[0]), "server": \(ports[1]), "serf_lan": \(ports[2]),
                         "serf_wan": -1, "grpc": -1, "dns": -1 } }
            """, to: "consul.json")
        let client = Self.client(at: ports[0])
        self.client = client
        process = try await StoreProcess(
            [Requirement.path(of: "consul") ?? "consul", "agent", "-dev", "-config-file", file], in: directory
        ) {
            // There are no sessions before the server has put itself into the catalog.
            let checks = try await client.get("/health/node/node-1")
            return String(decoding: checks.body, as: UTF8.self).contains("serfHealth")
        }
    }

    /// Lasts as long as the tests.
    static func client(at port: UInt16, timeout: Duration = StoreKind.patience) -> ConsulClient {
        let address = ConsulAddress.http(host: "127.0.0.1", port: Int(port))
        let client = ConsulClient(ConsulSettings(addresses: [address], timeout: timeout))
        clients.withLock { $0.append(client) }
        return client
    }

    func site() -> Site {
        let client = client
        return Site(.consul) { fleet, _ in try ConsulStore(client, fleet: fleet) }
    }
}
