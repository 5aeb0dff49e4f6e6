// SPDX-License-Identifier: Apache-2.0

import Model

/// What a host says of itself, whole: written when it changes, and often enough to show that the host lives.
public struct HostReport: SharedDocument, Hashable {
    public static let keys: Set<String> = [
        "generations", "host", "instance", "store", "high-water", "applied", "fleet-digest", "down", "settled",
        "isolated", "held", "drops", "mismatches", "verify", "forks", "abandoned", "beat",
    ]
    /// An old leader must know of a new host that it lives, and what it reads.
    public static let toleratesNewer = true

    /// The highest schema of generations that it reads.
    public var generations: Int64
    public var host: String
    /// Random for each run: two hosts of one name are told apart.
    public var instance: String
    /// The store that it follows: `fleet id`.
    public var store: String?
    public var highWater: Mark?
    /// What its kernel was given last; `down` and `settled` are of this one.
    public var applied: Mark?
    /// Of the fleet part of its map image.
    public var fleetDigest: String?
    /// Sorted.
    public var down: [BackendName]
    /// Services all of whose slots are settled, sorted.
    public var settled: [String]
    /// Services whose brake holds its down set back, sorted.
    public var isolated: [String]
    /// Of the leader: why what is published is not all that is wanted, a sentence each.
    public var held: [String]
    /// Packets dropped by reason since its counters were made.
    public var drops: [String: UInt64]
    /// How often its maps were found other than they should be.
    public var mismatches: UInt64
    /// What differed when it looked last; nil where nothing did.
    public var verify: String?
    public var forks: UInt64
    /// The rollout that it left by its own timer.
    public var abandoned: String?
    /// Counts up with each report.
    public var beat: UInt64

    public init(
        host: String, instance: String, generations: Int64 = Int64(Generation.schema), store: String? = nil,
        highWater: Mark? = nil, applied: Mark? = nil, fleetDigest: String? = nil, down: [BackendName] = [],
        settled: [String] = [], isolated: [String] = [], held: [String] = [], drops: [String: UInt64] = [:],
        mismatches: UInt64 = 0, verify: String? = nil, forks: UInt64 = 0, abandoned: String? = nil, beat: UInt64 = 0
    ) {
        self.host = host
        self.instance = instance
        self.generations = generations
        self.store = store
        self.highWater = highWater
        self.applied = applied
        self.fleetDigest = fleetDigest
        self.down = down
        self.settled = settled
        self.isolated = isolated
        self.held = held
        self.drops = drops
        self.mismatches = mismatches
        self.verify = verify
        self.forks = forks
        self.abandoned = abandoned
        self.beat = beat
    }

    public init(_ fields: CanonicalReader.Fields) throws(CanonicalError) {
        self.init(
            host: try fields["host"].string(), instance: try fields["instance"].string(),
            generations: try fields["generations"].integer(1...Int64.max),
            store: try fields.optional("store")?.string(), highWater: try fields.optional("high-water")?.mark(),
            applied: try fields.optional("applied")?.mark(),
            fleetDigest: try fields.optional("fleet-digest")?.string(),
            down: try fields["down"].array { reader throws(CanonicalError) in
                let fields = try reader.object(["service", "backend"])
                return BackendName(service: try fields["service"].string(), backend: try fields["backend"].string())
            },
            settled: try fields["settled"].texts(), isolated: try fields["isolated"].texts(),
            held: try fields.optional("held")?.texts() ?? [],
            drops: try fields["drops"].dictionary { reader throws(CanonicalError) in try reader.count() },
            mismatches: try fields["mismatches"].count(), verify: try fields.optional("verify")?.string(),
            forks: try fields["forks"].count(), abandoned: try fields.optional("abandoned")?.string(),
            beat: try fields["beat"].count())
    }

    public var members: [String: CanonicalValue] {
        var members: [String: CanonicalValue] = [
            "generations": .integer(generations), "host": .string(host), "instance": .string(instance),
            "down": .array(
                down.map { .object(["service": .string($0.service), "backend": .string($0.backend)]) }),
            "settled": .texts(settled), "isolated": .texts(isolated),
            "drops": .object(drops.mapValues { .count($0) }), "mismatches": .count(mismatches),
            "forks": .count(forks), "beat": .count(beat),
        ]
        members["store"] = store.map { .string($0) }
        members["high-water"] = highWater?.canonical
        members["applied"] = applied?.canonical
        members["fleet-digest"] = fleetDigest.map { .string($0) }
        members["verify"] = verify.map { .string($0) }
        // Nobody but the leader has any.
        if !held.isEmpty { members["held"] = .texts(held) }
        members["abandoned"] = abandoned.map { .string($0) }
        return members
    }

    /// Without what counts up by itself: whether two of them say the same.
    var content: HostReport {
        var content = self
        content.beat = 0
        content.drops = [:]
        return content
    }
}
