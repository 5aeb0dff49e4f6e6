// SPDX-License-Identifier: Apache-2.0

import Admin
import Documents
import Model
import Reconciler

/// What lies in the host's state directory: read without the daemon.
struct LocalState {
    let host: HostConfiguration
    let kept: HostState.Restored
    /// In force: what was applied last.
    let generation: Generation
    /// What was accepted last; newer than what is in force while a change is under way or cannot be applied.
    let accepted: Generation
    /// By this host's probes.
    let down: Set<BackendID>

    /// Throws a `Failure` where no generation was ever applied here.
    init(_ options: CommonOptions) throws {
        try self.init(options, host: try options.host())
        for problem in kept.problems { Terminal.error("warning: \(problem)") }
    }

    /// Reads the directory anew.
    func again(_ options: CommonOptions) throws -> LocalState { try LocalState(options, host: host) }

    private init(_ options: CommonOptions, host: HostConfiguration) throws {
        self.host = host
        try Reach.check(host.directories.state)
        kept = HostState.look(at: host.directories.state)
        guard let publication = kept.inForce else {
            throw Failure(
                .unreachable, "\(host.directories.state): no generation was applied on this host yet",
                remedy: "start the daemon:  sluiced --config \(options.config)")
        }
        generation = publication.generation
        accepted = kept.publication?.generation ?? generation
        down = kept.downIDs(in: generation)
    }

    /// `3.17`: epoch and number of what is in force.
    var mark: String { generation.mark }

    /// Whether something newer was accepted than what is in force.
    var isChanging: Bool { accepted.mark != generation.mark }

    /// `accepted 3.18, in force 3.17`; nothing where these are one.
    var changeText: String { isChanging ? "accepted \(accepted.mark), in force \(mark)\n" : "" }

    func service(named name: String) throws -> PlacedService {
        if let service = generation.service(named: name) { return service }
        let known = generation.services.map(\.service.name)
        throw Failure(
            .failed, "there is no service '\(name)'\(Nearest.suggestion(for: name, among: known))",
            remedy: known.isEmpty ? "" : "see  sluicectl service list")
    }
}

extension Generation {
    /// `3.17`: epoch and number.
    var mark: String { "\(epoch).\(number)" }
}

extension HostState.Restored {
    /// The backends that this host's probes saw down last.
    func downIDs(in generation: Generation) -> Set<BackendID> {
        Set(
            generation.services.flatMap { placed in
                placed.backends.filter {
                    down[BackendName(service: placed.service.name, backend: $0.backend.name)] != nil
                }.map(\.id)
            })
    }

    /// Where no record of it was kept, what was accepted last.
    var inForce: Publication? { applied ?? publication }
}

extension PlacedService {
    /// How many slots of the table in force each backend has.
    func shares(down: Set<BackendID>) -> [BackendID: Int] {
        var shares: [BackendID: Int] = [:]
        for id in tables(down: down).current { shares[BackendID(rawValue: id), default: 0] += 1 }
        return shares
    }
}
