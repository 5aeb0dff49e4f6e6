// SPDX-License-Identifier: Apache-2.0

import Admin
import Documents
import Model
import Reconciler

/// What lies in the host's state directory: read without the daemon.
struct LocalState {
    let host: HostConfiguration
    let kept: HostState.Restored
    let generation: Generation
    /// By this host's probes.
    let down: Set<BackendID>

    /// Throws a `Failure` where no generation was ever applied here.
    init(_ options: CommonOptions) throws {
        host = try options.host()
        kept = HostState.look(at: host.directories.state)
        for problem in kept.problems { Terminal.error("warning: \(problem)") }
        guard let publication = kept.publication else {
            throw Failure(
                .unreachable, "\(host.directories.state): no generation was applied on this host yet",
                remedy: "start the daemon:  sluiced --config \(options.config)")
        }
        generation = publication.generation
        let down = kept.down
        self.down = Set(
            generation.services.flatMap { placed in
                placed.backends.filter {
                    down[BackendName(service: placed.service.name, backend: $0.backend.name)] != nil
                }.map(\.id)
            })
    }

    /// `3.17`: epoch and number.
    var mark: String { "\(generation.epoch).\(generation.number)" }

    func service(named name: String) throws -> PlacedService {
        if let service = generation.service(named: name) { return service }
        let known = generation.services.map(\.service.name).joined(separator: ", ")
        throw Failure(.failed, "there is no service '\(name)'", remedy: known.isEmpty ? "" : "there are: \(known)")
    }
}

extension PlacedService {
    /// How many slots of the table in force each backend has.
    func shares(down: Set<BackendID>) -> [BackendID: Int] {
        var shares: [BackendID: Int] = [:]
        for id in tables(down: down).current { shares[BackendID(rawValue: id), default: 0] += 1 }
        return shares
    }
}
