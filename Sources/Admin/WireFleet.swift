// SPDX-License-Identifier: Apache-2.0

// What the admin API says of the fleet: see Wire.swift for the rules.

/// `GET /v1/fleet`: the fleet as its store has it.
public struct FleetAnswer: Codable, Hashable, Sendable {
    /// What a person applied last.
    public struct Desired: Codable, Hashable, Sendable {
        /// Counts up with each apply.
        public var version: UInt64
        public var author: String
        public var at: Int64
        public var digest: String

        public init(version: UInt64, author: String, at: Int64, digest: String) {
            self.version = version
            self.author = author
            self.at = at
            self.digest = digest
        }
    }

    /// A change on its way through the fleet.
    public struct Rollout: Codable, Hashable, Sendable {
        /// `canary`, `confirmed` or `rolledBack`.
        public var state: String
        public var hosts: [String]
        public var author: String
        public var at: Int64
        /// Seconds until it is rolled back by itself.
        public var remaining: Int64?
        /// Why it ended.
        public var reason: String?

        public init(
            state: String, hosts: [String], author: String, at: Int64, remaining: Int64? = nil, reason: String? = nil
        ) {
            self.state = state
            self.hosts = hosts
            self.author = author
            self.at = at
            self.remaining = remaining
            self.reason = reason
        }
    }

    /// What the leader knows of the instances of a query.
    public struct Discovery: Codable, Hashable, Sendable {
        public var query: String
        /// Seconds since the answer in use was last confirmed; nil: there was none yet.
        public var age: Int64?
        /// Why there is no newer one, or none that is obeyed.
        public var trouble: String?

        public init(query: String, age: Int64? = nil, trouble: String? = nil) {
            self.query = query
            self.age = age
            self.trouble = trouble
        }
    }

    /// What a host says of itself.
    public struct Host: Codable, Hashable, Sendable {
        public var name: String
        /// Its report changed within the last 30 seconds; nil: not looked at for long enough to know.
        public var live: Bool?
        public var leads: Bool
        public var epoch: UInt64?
        public var number: UInt64?
        public var digest: String?
        /// Of the fleet part of its map image: equal on every host with one generation.
        public var fleetDigest: String?
        /// Generations that it is behind what is published for it.
        public var behind: UInt64?
        /// `service/backend`
        public var down: [String]
        public var isolated: [String]
        /// `ok`, or what differs.
        public var verify: String?
        /// What is wrong with the report itself: two hosts with one name, another store, a later version.
        public var problem: String?

        public init(
            name: String, live: Bool? = nil, leads: Bool = false, epoch: UInt64? = nil, number: UInt64? = nil,
            digest: String? = nil, fleetDigest: String? = nil, behind: UInt64? = nil, down: [String] = [],
            isolated: [String] = [], verify: String? = nil, problem: String? = nil
        ) {
            self.name = name
            self.live = live
            self.leads = leads
            self.epoch = epoch
            self.number = number
            self.digest = digest
            self.fleetDigest = fleetDigest
            self.behind = behind
            self.down = down
            self.isolated = isolated
            self.verify = verify
            self.problem = problem
        }
    }

    public var fleet: String
    /// `etcd at http://127.0.0.1:2379`
    public var store: String
    /// Random, given when the store was made; nil: the store is empty.
    public var identity: String?
    /// The host that leads; nil: none.
    public var leader: String?
    public var epoch: UInt64
    public var generation: StatusAnswer.Generation?
    public var desired: Desired?
    public var rollout: Rollout?
    /// Why nothing is published; nil: the fleet is not frozen.
    public var frozen: String?
    /// Why what is published is not all that is wanted, a sentence each: the brake above all. As the leader says.
    public var held: [String]
    public var hosts: [Host]
    /// What is asked of Consul; the leader alone asks, and answers here.
    public var discovery: [Discovery]

    public init(
        fleet: String, store: String, identity: String? = nil, leader: String? = nil, epoch: UInt64 = 0,
        generation: StatusAnswer.Generation? = nil, desired: Desired? = nil, rollout: Rollout? = nil,
        frozen: String? = nil, held: [String] = [], hosts: [Host] = [], discovery: [Discovery] = []
    ) {
        self.fleet = fleet
        self.store = store
        self.identity = identity
        self.leader = leader
        self.epoch = epoch
        self.generation = generation
        self.desired = desired
        self.rollout = rollout
        self.frozen = frozen
        self.held = held
        self.hosts = hosts
        self.discovery = discovery
    }
}

/// `POST /v1/apply`
public struct ApplyRequest: Codable, Hashable, Sendable {
    /// The services document, as it was written.
    public var document: String
    /// Where it was read, for messages.
    public var file: String
    /// These hosts alone get it first; empty: all at once.
    public var canary: [String]
    /// Seconds until it is rolled back unless somebody confirms it; nil: a canary's usual time, else never.
    public var confirmWithin: Int64?

    public init(document: String, file: String, canary: [String] = [], confirmWithin: Int64? = nil) {
        self.document = document
        self.file = file
        self.canary = canary
        self.confirmWithin = confirmWithin
    }
}

/// The answer of `POST /v1/apply` and `/v1/rollback`: what is desired from now on.
public struct ApplyAnswer: Codable, Hashable, Sendable {
    /// Whether it differs from what was desired before.
    public var changed: Bool
    public var version: UInt64
    public var digest: String
    public var warnings: [String]

    public init(changed: Bool, version: UInt64, digest: String, warnings: [String] = []) {
        self.changed = changed
        self.version = version
        self.digest = digest
        self.warnings = warnings
    }
}

/// `POST /v1/rollback`: ends a rollout, or goes back to what was desired at this generation.
public struct RollbackRequest: Codable, Hashable, Sendable {
    public var number: UInt64?

    public init(number: UInt64? = nil) { self.number = number }
}

/// `POST /v1/freeze`
public struct FreezeRequest: Codable, Hashable, Sendable {
    public var reason: String

    public init(reason: String) { self.reason = reason }
}

/// `GET /v1/generations`: the current one, and the first of each document that was desired, the newest first.
public struct GenerationsAnswer: Codable, Hashable, Sendable {
    public struct Row: Codable, Hashable, Sendable {
        public var number: UInt64
        /// Nil of one that is remembered by its number alone, as is the digest.
        public var epoch: UInt64?
        public var digest: String?
        public var current: Bool
        /// Of the desired document that it was made of.
        public var version: UInt64?
        public var author: String?
        /// When that was applied.
        public var at: Int64?

        public init(
            number: UInt64, epoch: UInt64? = nil, digest: String? = nil, current: Bool = false, version: UInt64? = nil,
            author: String? = nil, at: Int64? = nil
        ) {
            self.number = number
            self.epoch = epoch
            self.digest = digest
            self.current = current
            self.version = version
            self.author = author
            self.at = at
        }
    }

    public var generations: [Row]

    public init(generations: [Row]) { self.generations = generations }
}

/// `GET /v1/generation?number=N`
public struct GenerationAnswer: Codable, Hashable, Sendable {
    public var generation: GenerationsAnswer.Row
    /// A line a service: `web  10.0.0.1:443/tcp -> a:8443 w2, b:8443 draining`; nil of one that is not in force.
    public var services: [String]?
    /// The desired document; nil where it is not known any more.
    public var document: String?

    public init(generation: GenerationsAnswer.Row, services: [String]? = nil, document: String? = nil) {
        self.generation = generation
        self.services = services
        self.document = document
    }
}
