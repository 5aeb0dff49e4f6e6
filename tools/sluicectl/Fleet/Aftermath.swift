// SPDX-License-Identifier: Apache-2.0

import Admin
import Model

/// What became of a change that a person asked the fleet for, as far as it could be seen within a few seconds.
struct Aftermath: Encodable {
    /// Which host leads; nil: none does, and so nothing is published.
    var leader: String?
    /// `3.18`: the generation that was made of it.
    var generation: String?
    /// Why nothing is published; nil: the fleet is not frozen.
    var frozen: String?
    /// What the leader holds back of it, a sentence each.
    var held: [String] = []
    /// What else the leader says since, a sentence each: the catalog's first answer is awaited, discovery is in trouble.
    var waiting: [String] = []

    /// - Parameters:
    ///   - before: what the leader held back before.
    ///   - version: of the document that is waited for; nil: no generation tells that it was heard.
    init(_ fleet: FleetAnswer, before: Set<String>, generations: GenerationsAnswer?, version: UInt64?) {
        leader = fleet.leader
        frozen = fleet.frozen
        let new = fleet.held.filter { !before.contains($0) }
        held = new.filter(HeldBack.isOne)
        waiting = new.filter { !HeldBack.isOne($0) }
        let current = generations?.generations.first { $0.current }
        if let version, let current, let epoch = current.epoch, current.version ?? 0 >= version {
            generation = "\(epoch).\(current.number)"
        }
    }

    /// Whether waiting longer would show no more.
    func isOver(waitingFor version: UInt64?) -> Bool {
        if frozen != nil { return true }
        guard leader != nil else { return false }
        return version == nil || generation != nil || !held.isEmpty
    }

    /// Looks until the change is published, or something is in its way that time alone does not mend.
    static func look(
        _ client: AdminClient, before: Set<String> = [], version: UInt64? = nil, within patience: Duration
    ) async throws -> Aftermath {
        let clock = ContinuousClock()
        let end = clock.now + patience
        while true {
            let fleet = try await client.get("/v1/fleet", as: FleetAnswer.self)
            let generations = try await client.get("/v1/generations", as: GenerationsAnswer.self)
            let found = Aftermath(fleet, before: before, generations: generations, version: version)
            if found.isOver(waitingFor: version) || clock.now >= end { return found }
            try await Task.sleep(for: interval)
        }
    }

    private static let interval = Duration.milliseconds(200)
    /// Longer than a lease's usual end is nobody's patience; shorter than an election would cry wolf.
    static let patience = Duration.seconds(5)
}

extension Aftermath {
    /// What a person is told, a line each; empty where nothing was to be seen.
    func lines(waitedFor version: UInt64?) -> [String] {
        if let generation { return ["in force as generation \(generation)\(leader.map { ", \($0) leads" } ?? "")"] }
        guard version != nil, isQuiet else { return [] }
        return ["no new generation yet: perhaps all that it says is in force already; see  sluicectl host list"]
    }

    private var isQuiet: Bool { leader != nil && frozen == nil && held.isEmpty && waiting.isEmpty }

    /// What stands in its way, with the code to end with; nil where nothing does.
    var obstacle: Failure? {
        if let frozen {
            return Failure(
                .success, "the fleet is frozen \(frozen): nothing is published", remedy: "go on:  sluicectl thaw")
        }
        if leader == nil {
            return Failure(
                .notLeader, "it is in the store, but nobody leads: it is published as soon as a host does",
                remedy: "who could, and what is in the way:  sluicectl host list;  sluicectl doctor")
        }
        guard !held.isEmpty else { return doubt }
        return Failure(
            .heldByBrake, "the leader holds back: " + held.joined(separator: "\n  "),
            remedy: "see what it would take away:  sluicectl service list;  the limits are the service's 'brake'")
    }

    private var doubt: Failure? {
        guard generation == nil, !waiting.isEmpty else { return nil }
        return Failure(
            .success, "it is in the store, and not in force yet: " + waiting.joined(separator: "\n  "),
            remedy: "see what is in the way:  sluicectl doctor")
    }

    /// Tells what stands in the way, and ends the command with its code where it has one.
    func conclude() throws {
        guard let obstacle else { return }
        guard obstacle.status == .success else { throw obstacle }
        Terminal.error(obstacle.description)
    }

    /// Looks what became of a document, tells it, and ends the command with the code of what stands in the way.
    ///
    /// - Parameters:
    ///   - before: what the leader held back already.
    ///   - version: nil where no generation tells that it was heard.
    static func conclude(
        _ options: CommonOptions, _ answer: ApplyAnswer, before: [String] = [], version: UInt64?
    ) async throws {
        let client = try AdminClient(host: options)
        let found = try await settled(client, before: before, version: version)
        switch options.output {
        case .json: try printJSON(Told(answer: answer, aftermath: found))
        case .table: Terminal.print((found?.lines(waitedFor: version) ?? []).map { $0 + "\n" }.joined())
        }
        try found?.conclude()
    }

    /// What became of a change that is in the store; nil, and told, where it cannot be seen: that is no failure of it.
    static func settled(
        _ client: AdminClient, before: [String], version: UInt64? = nil
    ) async throws -> Aftermath? {
        do {
            return try await look(client, before: Set(before), version: version, within: patience)
        } catch let failure as Failure {
            Terminal.error("it is in the store; what became of it is not known: \(failure.message)")
            return nil
        }
    }

    /// What the leader holds back now; nothing where that cannot be read, which must not keep anybody from a change.
    static func held(_ client: AdminClient) async -> [String] {
        do { return try await client.get("/v1/fleet", as: FleetAnswer.self).held } catch { return [] }
    }
}

/// As JSON: the daemon's answer, and beside its keys what was seen afterwards.
private struct Told: Encodable {
    var answer: ApplyAnswer
    var aftermath: Aftermath?

    func encode(to encoder: any Encoder) throws {
        try answer.encode(to: encoder)
        try aftermath?.encode(to: encoder)
    }
}
