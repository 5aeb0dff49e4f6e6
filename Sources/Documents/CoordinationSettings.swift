// SPDX-License-Identifier: Apache-2.0

/// Where a fleet's documents lie, and whether this host may lead it: `coordination` of `sluiced.yaml`.
public struct CoordinationSettings: Hashable, Sendable {
    public enum Store: Hashable, Sendable {
        /// This host alone.
        case local
        case etcd(EtcdAccess)
        case redis(RedisAccess)
        case consul(ConsulAccess)
    }

    public var store = Store.local
    /// Part of every key, and of the store's identity.
    public var fleet = "sluice"
    /// Whether this host stands for election.
    public var candidate = true
    public var lease = LeaseTimes()

    public init() {}

    /// Whether other hosts have the same store.
    public var isShared: Bool { store != .local }

    /// As documents name it.
    public var storeName: String {
        switch store {
        case .local: StoreName.local.rawValue
        case .etcd: StoreName.etcd.rawValue
        case .redis: StoreName.redis.rawValue
        case .consul: StoreName.consul.rawValue
        }
    }
}

/// The kinds of stores as documents name them.
enum StoreName: String, CaseIterable {
    case local, etcd, redis, consul
}

/// How long a leader is believed in, and how it keeps that up: lease > renew > 1.2 x retry.
public struct LeaseTimes: Hashable, Sendable {
    /// How long the store keeps the leader's place when it is silent.
    public var lease = Duration.seconds(15)
    /// A leader that could not renew for so long stops by itself.
    public var renew = Duration.seconds(10)
    public var retry = Duration.seconds(2)

    public init() {}
}

/// Paths of PEM files.
public struct TLSPaths: Hashable, Sendable {
    /// The only authorities that are trusted; nil: the system's.
    public var authority: String?
    public var certificate: String?
    public var key: String?
    /// The name that the server's certificate must have; nil: the address's host.
    public var serverName: String?

    public init() {}
}

public struct EtcdAccess: Hashable, Sendable {
    /// URLs of members; never empty.
    public var addresses = ["http://127.0.0.1:2379"]
    public var user: String?
    public var passwordFile: String?
    public var tls = TLSPaths()

    public init() {}
}

public struct RedisAccess: Hashable, Sendable {
    public var address = HostPort(host: "127.0.0.1", port: 6379)
    /// More sentinels, in the order in which they are asked.
    public var otherSentinels: [HostPort] = []
    public var user: String?
    public var passwordFile: String?
    /// Nil: without TLS.
    public var tls: TLSPaths?
    /// The name by which Sentinel knows the master: then the addresses are sentinels'.
    public var sentinelMaster: String?

    public init() {}
}

/// Consul, as a store or as what services are discovered in.
public struct ConsulAccess: Hashable, Sendable {
    /// URLs of agents or servers, the preferred one first; never empty.
    public var addresses = ["http://127.0.0.1:8500"]
    public var tokenFile: String?
    public var tls = TLSPaths()
    public var datacenter: String?
    public var namespace: String?
    public var partition: String?

    public init() {}
}

/// A host's name or address, and a port.
public struct HostPort: Hashable, Sendable, CustomStringConvertible {
    public var host: String
    public var port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// `redis.example:6379`, `10.0.0.1:6379`, `[2001:db8::1]:6379`; nil where the text is none.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        var host = text[..<colon]
        let bracketed = host.first == "[" && host.last == "]"
        if bracketed { host = host.dropFirst().dropLast() }
        let digits = text[text.index(after: colon)...]
        guard !host.isEmpty, bracketed == host.contains(":"),
            host.unicodeScalars.allSatisfy({ NameRule.host.allows($0) || bracketed && $0 == ":" }),
            let port = UInt16(digits), port > 0, String(port) == digits
        else { return nil }
        self.init(host: String(host), port: port)
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Where services' instances are found: `discovery` of `sluiced.yaml`.
public enum DiscoverySource: Hashable, Sendable {
    case consul(ConsulDiscovery)
    /// A file of what Consul's `/v1/health/service/NAME` answers.
    case file(path: String)
}

public struct ConsulDiscovery: Hashable, Sendable {
    public var access = ConsulAccess()
    /// Answers of any server are good while they are no older; nil: the leader's alone.
    public var maximumStale: Duration?
    /// So long nothing may have changed before a change is handed on; a backend that fails is not waited with.
    public var quiet = Duration.milliseconds(250)
    /// Nor longer than this.
    public var longestQuiet = Duration.seconds(10)
    /// Also follow services of which an instance has a tag `urlprefix-` or `sluice.`.
    public var followsTags = false

    public init() {}
}
