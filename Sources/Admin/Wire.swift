// SPDX-License-Identifier: Apache-2.0

// What the admin API says: shared by the daemon and the CLI, whose JSON output it is too. Keys are these names and are
// stable: they are added to, never renamed. Times are UTC, seconds since 1970.

/// `GET /v1/status`: this host.
public struct StatusAnswer: Codable, Hashable, Sendable {
    public struct Generation: Codable, Hashable, Sendable {
        public var epoch: UInt64
        public var number: UInt64
        public var digest: String
        /// Of the fleet part of the map image: equal on every host with this generation.
        public var fleetDigest: String?
        public var appliedAt: Int64?

        public init(epoch: UInt64, number: UInt64, digest: String, fleetDigest: String? = nil, appliedAt: Int64? = nil)
        {
            self.epoch = epoch
            self.number = number
            self.digest = digest
            self.fleetDigest = fleetDigest
            self.appliedAt = appliedAt
        }
    }

    public struct Interface: Codable, Hashable, Sendable {
        public var name: String
        /// `native`, `generic` or `none`.
        public var mode: String
        /// Why it is not native.
        public var reason: String?

        public init(name: String, mode: String, reason: String? = nil) {
            self.name = name
            self.mode = mode
            self.reason = reason
        }
    }

    public var host: String
    public var version: String
    public var processID: Int32
    public var startedAt: Int64
    /// What the host applied last; nil before its first.
    public var generation: Generation?
    /// The generation that it has accepted and not yet applied.
    public var pending: Generation?
    public var leading: Bool
    public var leaderEpoch: UInt64?
    public var interfaces: [Interface]
    /// Services whose brake holds back what probes see down.
    public var isolated: [String]
    public var unsettled: [String]
    /// Pairs of epoch and number that were seen with two digests.
    public var forks: UInt64
    /// Publications that the store refused.
    public var fenced: UInt64
    /// Generations below the high-water mark.
    public var refused: UInt64
    /// A sentence each; empty when all is well.
    public var problems: [String]
    public var warnings: [String]

    public init(
        host: String, version: String, processID: Int32, startedAt: Int64, generation: Generation? = nil,
        pending: Generation? = nil, leading: Bool = false, leaderEpoch: UInt64? = nil, interfaces: [Interface] = [],
        isolated: [String] = [], unsettled: [String] = [], forks: UInt64 = 0, fenced: UInt64 = 0, refused: UInt64 = 0,
        problems: [String] = [], warnings: [String] = []
    ) {
        self.host = host
        self.version = version
        self.processID = processID
        self.startedAt = startedAt
        self.generation = generation
        self.pending = pending
        self.leading = leading
        self.leaderEpoch = leaderEpoch
        self.interfaces = interfaces
        self.isolated = isolated
        self.unsettled = unsettled
        self.forks = forks
        self.fenced = fenced
        self.refused = refused
        self.problems = problems
        self.warnings = warnings
    }
}

/// `POST /v1/reload`: what the services document came to.
public struct ReloadAnswer: Codable, Hashable, Sendable {
    /// Whether it differs from what was read last.
    public var changed: Bool
    public var warnings: [String]

    public init(changed: Bool, warnings: [String] = []) {
        self.changed = changed
        self.warnings = warnings
    }
}
