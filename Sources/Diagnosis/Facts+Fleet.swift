// SPDX-License-Identifier: Apache-2.0

extension Facts {
    /// What was read of the fleet that this host belongs to.
    public struct Fleet: Hashable, Sendable {
        public enum Kind: String, Hashable, Sendable {
            case etcd, redis, sentinel, consul
        }

        public var kind: Kind
        /// As its clients name it: `etcd at http://10.0.0.1:2379`.
        public var place: String
        public var isCandidate: Bool
        public var lease: Duration
        public var renew: Duration
        public var retry: Duration
        public var store: Store
        /// What the daemon knows; nil where it does not say.
        public var daemon: View?

        public init(
            kind: Kind, place: String, isCandidate: Bool = true, lease: Duration = .seconds(15),
            renew: Duration = .seconds(10), retry: Duration = .seconds(2), store: Store, daemon: View? = nil
        ) {
            self.kind = kind
            self.place = place
            self.isCandidate = isCandidate
            self.lease = lease
            self.renew = renew
            self.retry = retry
            self.store = store
            self.daemon = daemon
        }
    }

    public enum Store: Hashable, Sendable {
        case answers(StoreLook)
        /// Nobody answers there, or not so that it could be used.
        case silent(String)
        /// It answers, and says no; or a file of ours is not as it should be.
        case refuses(String)
        /// It was lost, or is new.
        case empty
    }

    public struct StoreLook: Hashable, Sendable {
        /// `fleet id`
        public var identity: String
        public var version: String?
        public var bytes: UInt64?
        /// A sentence each, with what mends it after the last colon.
        public var problems: [String]
        public var leader: String?
        public var epoch: UInt64
        /// What one request took.
        public var took: Duration

        public init(
            identity: String, version: String? = nil, bytes: UInt64? = nil, problems: [String] = [],
            leader: String? = nil, epoch: UInt64 = 0, took: Duration = .zero
        ) {
            self.identity = identity
            self.version = version
            self.bytes = bytes
            self.problems = problems
            self.leader = leader
            self.epoch = epoch
            self.took = took
        }
    }

    /// The fleet as this host's daemon sees it.
    public struct View: Hashable, Sendable {
        /// Generations that this host is behind; nil: it reports nothing.
        public var behind: UInt64?
        /// Hosts whose reports stand still.
        public var silent: [String] = []
        public var hasDesired = true
        public var frozen: String?
        /// What the leader holds back, a sentence each.
        public var held: [String] = []
        /// Where a change waits for its confirmation.
        public var trial: String?
        /// Since the oldest answer in use was confirmed, in seconds; of the leader alone.
        public var oldestAnswer: Int64?

        public init() {}
    }

    /// A file that a store or Consul is asked with.
    public struct Secret: Hashable, Sendable {
        public var path: String
        /// What is wrong with it; nil where it is as it should be.
        public var trouble: String?
        /// What mends it.
        public var remedy: String

        public init(path: String, trouble: String? = nil, remedy: String = "") {
            self.path = path
            self.trouble = trouble
            self.remedy = remedy
        }
    }

    /// Where instances are found.
    public struct Discovery: Hashable, Sendable {
        public var place: String
        /// Why it could not be asked; nil where it answers.
        public var trouble: String?

        public init(place: String, trouble: String? = nil) {
            self.place = place
            self.trouble = trouble
        }
    }
}
