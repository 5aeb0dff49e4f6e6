// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Discovery
import Foundation
import TestSupport

/// How large a catalog a test makes: `SLUICE_CATALOG=500x20` services and instances of each, else a small one.
struct CatalogSize {
    let services: Int
    let instances: Int

    private static let chosen = ProcessInfo.processInfo.environment["SLUICE_CATALOG"]
    static var isChosen: Bool { chosen != nil }

    static var wanted: CatalogSize {
        let words = (chosen ?? "").split(separator: "x").map { Int($0) }
        guard words.count == 2, let services = words[0], let instances = words[1] else {
            return CatalogSize(services: 120, instances: 3)
        }
        return CatalogSize(services: services, instances: instances)
    }

    /// What this process computes meanwhile.
    func processorTime(during time: Duration) async throws -> Duration {
        let before = clock()
        // Not to wait for something: the time is what is measured.
        try await Task.sleep(for: time)
        return .microseconds(clock() - before)
    }

    /// The body that registers one instance, on a node of its number, with a check.
    func instance(_ number: Int, of service: Int, status: String) -> String {
        #"{ "Node": "n\#(number)", "Address": "10.0.1.\#(number)", "Service": \#(self.service(number, service)), "#
            + #""Check": \#(check(number, service, status)) }"#
    }

    /// All of them, in transactions of 64 operations at the most.
    func register(with client: ConsulClient) async throws {
        for number in 0..<instances {
            let node = #"{ "Node": "n\#(number)", "Address": "10.0.1.\#(number)" }"#
            try await transact([#"{ "Node": { "Verb": "set", "Node": \#(node) } }"#], client)
            for begin in stride(from: 0, to: services, by: 30) {
                let operations = (begin..<min(begin + 30, services)).flatMap { service in
                    [
                        #"{ "Service": { "Verb": "set", "Node": "n\#(number)", "Service": "#
                            + self.service(number, service) + " } }",
                        #"{ "Check": { "Verb": "set", "Check": "# + check(number, service, "passing") + " } }",
                    ]
                }
                try await transact(operations, client)
            }
        }
    }

    private func transact(_ operations: [String], _ client: ConsulClient) async throws {
        let body = Array("[\(operations.joined(separator: ","))]".utf8)
        try await awaited("a transaction") {
            do {
                _ = try await client.put("/txn", body: body)
                return true
            } catch let error as ConsulError where error.kind != .refused || error.status == 500 {
                return false
            }
        }
    }

    private func service(_ number: Int, _ service: Int) -> String {
        #"{ "ID": "s\#(service)-\#(number)", "Service": "s\#(service)", "Port": 80 }"#
    }

    private func check(_ number: Int, _ service: Int, _ status: String) -> String {
        #"{ "Node": "n\#(number)", "CheckID": "c\#(service)-\#(number)", "Name": "c", "Status": "\#(status)", "#
            + #""ServiceID": "s\#(service)-\#(number)" }"#
    }
}

extension RunningCatalog {
    /// Until nothing is asked for a second.
    func isAtRest() async throws {
        var last = catalog.cost
        var since = ContinuousClock.now
        try await awaited("rest", within: .seconds(120)) {
            if catalog.cost != last {
                last = catalog.cost
                since = .now
            }
            return ContinuousClock.now - since > .seconds(1)
        }
    }

    /// Requests and bytes until all is at rest again.
    func costs(_ what: String, _ change: () async throws -> Void) async throws -> ConsulCatalog.Cost {
        let before = catalog.cost
        let begin = ContinuousClock.now
        try await change()
        let time = ContinuousClock.now - begin
        try await isAtRest()
        let cost = ConsulCatalog.Cost(
            requests: catalog.cost.requests - before.requests, bytes: catalog.cost.bytes - before.bytes)
        print("\(what): \(cost.requests) requests, \(cost.bytes) bytes, \(Int(time / .milliseconds(1))) ms")
        return cost
    }
}
