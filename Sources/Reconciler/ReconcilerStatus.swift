// SPDX-License-Identifier: Apache-2.0

import Model

/// What can be seen of a reconciler from outside, as of one moment.
public struct ReconcilerStatus: Hashable, Sendable {
    /// What was applied last; nil before the first.
    public var applied: Publication?
    /// UTC, seconds since 1970.
    public var appliedAt: Int64?
    public var fleetDigest: String?
    /// Accepted, and not yet applied.
    public var pending: Mark?
    public var highWater: Mark?
    public var isLeading: Bool
    /// Of the last or present leadership of this host.
    public var leaderEpoch: UInt64?
    /// Since when each backend is down by this host's probes: UTC, seconds since 1970.
    public var down: [BackendName: Int64]
    /// Services whose brake holds the down set back.
    public var isolated: [String]
    /// Services with slots that are not settled on this host.
    public var unsettled: [String]
    public var nextHops: [IPAddress: NextHop]
    public var drains: [Override]
    public var counts: Host.Counts
    /// Publications that the store refused.
    public var fenced: UInt64
    /// What is wrong now, a sentence each.
    public var problems: [String]
    /// What the applier said of the last order.
    public var warnings: [String]
    /// The last of the problems there ever was, and when.
    public var lastError: LastError?
    /// Nil on a host alone.
    public var fleet: Fleet?

    public struct Fleet: Hashable, Sendable {
        public var store: FleetIdentity?
        /// How long this leader may still write.
        public var leaseRemaining: Duration?
        public var frozen: Freeze?
        public var rollout: Rollout?
        /// Services of which the catalog would take away too much; known to the leader alone, as is all that follows.
        public var held: [HeldBack]
        /// Why what is published is not all that is wanted, a sentence each.
        public var reservations: [String]
        /// The rollout whose canary runs on this host.
        public var runsCanary: String?
        public var hosts: [Host]

        public struct Host: Hashable, Sendable {
            public var report: HostReport
            public var isLive: Bool
        }
    }

    public struct LastError: Hashable, Sendable {
        public var text: String
        public var at: Int64
    }
}

/// Why a drain was not accepted.
public enum DrainRefusal: Error, Hashable, CustomStringConvertible {
    case unknownService(String)
    case unknownBackend(BackendName)
    /// So many would stay, and the service's brake wants more.
    case brake(BackendName, left: Int, minimum: Int)
    case notDrained(BackendName)

    public var description: String {
        switch self {
        case .unknownService(let name): "there is no service \(name)"
        case .unknownBackend(let name): "service \(name.service) has no backend \(name.backend)"
        case .brake(let name, let left, let minimum):
            "draining \(name) would leave \(left) active, and the service's brake keeps \(minimum)"
        case .notDrained(let name): "\(name) is not drained by a person"
        }
    }
}
