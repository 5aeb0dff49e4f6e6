// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Discovery
import Foundation
import Model
import TestSupport

/// One entry of a health answer, as Consul writes it.
func entry(
    node: String = "n1", nodeAddress: String = "10.0.0.1", id: String = "w1", service: String = "web",
    address: String = "", port: Int = 80, tags: [String] = [], meta: [String: String] = [:],
    tagged: [String: String] = [:], weights: (Int, Int) = (1, 1), checks: [(String, String)] = []
) throws -> HealthEntry {
    let object: [String: Any] = [
        "Node": ["Node": node, "Address": nodeAddress, "TaggedAddresses": ["wan": "203.0.113.9"]],
        "Service": [
            "ID": id, "Service": service, "Address": address, "Port": port, "Tags": tags, "Meta": meta,
            "TaggedAddresses": tagged.mapValues { ["Address": $0, "Port": 8080] },
            "Weights": ["Passing": weights.0, "Warning": weights.1],
        ],
        "Checks": checks.map { ["Node": node, "CheckID": $0.0, "Status": $0.1, "ServiceID": "", "ServiceName": ""] },
    ]
    return try JSONDecoder().decode(HealthEntry.self, from: try JSONSerialization.data(withJSONObject: object))
}

/// `n1/w1 10.0.0.1:80 w1 active`
func notation(_ instance: CatalogInstance) -> String {
    "\(instance.name) \(instance.address):\(instance.port) w\(instance.weight) \(instance.state)"
}

func instance(_ name: String, _ state: CatalogInstance.State = .active, tags: [String] = []) throws -> CatalogInstance {
    guard let address = IPAddress("10.0.0.1") else { throw SystemError("read an address", cause: "it is none") }
    return CatalogInstance(name: name, address: address, port: 80, state: state, tags: tags)
}

func reading(_ names: String...) throws -> ServiceReading {
    ServiceReading(instances: try names.map { try instance($0) })
}

/// Runs a catalog for the time of a test.
func whileRunning<Value>(
    _ run: @escaping @Sendable () async -> Void, _ body: () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await run() }
        let outcome: Result<Value, any Error>
        do {
            outcome = .success(try await body())
        } catch {
            outcome = .failure(error)
        }
        group.cancelAll()
        try await group.waitForAll()
        return try outcome.get()
    }
}
