// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Discovery
import Model
import TestSupport

/// A catalog that follows a server, and what a test looks at.
struct RunningCatalog {
    let catalog: ConsulCatalog
    let client: ConsulClient

    /// What is known of a service now.
    func service(_ name: String) -> CatalogService? { catalog.current.services[CatalogQuery(service: name)] }

    /// `a active, b out` of a service, the node's name left out.
    func states(_ name: String) -> String {
        let instances = service(name)?.reading?.instances ?? []
        return instances.map { "\($0.name.split(separator: "/")[1]) \($0.state)" }.joined(separator: ", ")
    }

    func await(_ service: String, _ expected: String) async throws {
        do {
            try await awaited("\(service): \(expected)") { states(service) == expected }
        } catch {
            throw SystemError("\(error)", cause: "it is: \(states(service)); \(self.service(service)?.trouble as Any)")
        }
    }

    func await(_ service: String, trouble: CatalogTrouble.Kind?) async throws {
        do {
            try await awaited("\(service): trouble \(trouble as Any)") {
                self.service(service)?.trouble?.kind == trouble
            }
        } catch {
            throw SystemError("\(error)", cause: "it is: \(self.service(service)?.trouble as Any)")
        }
    }
}

/// Follows services at this address for the time of a test.
func withCatalog<Value>(
    of services: [String], port: UInt16, tokenFile: String? = nil, settings: ConsulCatalog.Settings = quick,
    timeout: Duration = .milliseconds(500), _ body: (RunningCatalog) async throws -> Value
) async throws -> Value {
    let client = ConsulClient(
        ConsulSettings(
            addresses: [.http(host: "127.0.0.1", port: Int(port))], tokenFile: tokenFile, timeout: timeout,
            slack: .milliseconds(500)))
    let catalog = ConsulCatalog(client, settings: settings)
    catalog.watch(Set(services.map { CatalogQuery(service: $0) }))
    let outcome: Result<Value, any Error>
    do {
        let running = RunningCatalog(catalog: catalog, client: client)
        outcome = .success(
            try await whileRunning(catalog.run) { try await body(running) })
    } catch {
        outcome = .failure(error)
    }
    try await client.shutdown()
    return try outcome.get()
}

/// Short waits, so that silence is noticed soon.
let quick = ConsulCatalog.Settings(
    watch: WatchSettings(wait: .milliseconds(500), longestRetry: .milliseconds(400)),
    quiet: QuietTime(quiet: .milliseconds(20), longest: .seconds(1)))

/// As many services as there are have no poll of their own.
let fleet: ConsulCatalog.Settings = {
    var settings = quick
    settings.pollsMax = 0
    return settings
}()
