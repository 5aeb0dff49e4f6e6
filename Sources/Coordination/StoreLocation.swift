// SPDX-License-Identifier: Apache-2.0

import ConsulAPI

/// Where a store is, as a person types it, and as whom it is asked.
///
/// `local:/var/lib/locks`, `etcd://10.0.0.1:2379,10.0.0.2:2379`, `redis://10.0.0.1`, `redis-sentinel://A,B,C/main`
/// (the master's name), `redlock://10.0.0.1,10.0.0.2,10.0.0.3`, `consul://127.0.0.1`; `etcds`, `rediss` and `consuls` are
/// over TLS. A port may be left out: 2379, 6379 (26379 of a sentinel), 8500 (8501 over TLS).
public enum StoreLocation: Hashable, Sendable {
    case local(directory: String)
    case etcd(EtcdSettings)
    /// Also behind Sentinel.
    case redis(RedisSettings)
    /// Masters that know nothing of each other; it keeps locks alone.
    case redlock([RedisSettings])
    case consul(ConsulSettings)

    /// Throws `StoreError.settings` for a text that names no store.
    public init(_ text: String, as credentials: StoreCredentials = StoreCredentials()) throws {
        if text.hasPrefix("local:/") {
            self = .local(directory: String(text.dropFirst("local:".count)))
            return
        }
        let address = try StoreAddress(text)
        let tls = address.isSecure || credentials.tls != nil ? credentials.tls ?? StoreTLS() : nil
        func redis(_ end: StoreEndpoint) -> RedisSettings {
            RedisSettings(
                host: end.host, port: end.port, user: credentials.user, passwordFile: credentials.passwordFile,
                tls: tls,
                sentinelMaster: address.name)
        }
        switch address.kind {
        case .etcd:
            self = .etcd(
                EtcdSettings(
                    endpoints: address.ends.map { "\(tls == nil ? "http" : "https")://\($0)" }, user: credentials.user,
                    passwordFile: credentials.passwordFile, tls: tls ?? StoreTLS()))
        case .redis, .sentinel:
            var settings = redis(address.ends[0])
            settings.otherSentinels = address.ends.dropFirst().map { RedisEnd(host: $0.host, port: $0.port) }
            self = .redis(settings)
        case .redlock: self = .redlock(address.ends.map(redis))
        case .consul:
            self = .consul(
                ConsulSettings(
                    addresses: address.ends.map { end in
                        let (host, port) = (end.host, Int(end.port))
                        return tls == nil ? .http(host: host, port: port) : .https(host: host, port: port)
                    }, tokenFile: credentials.tokenFile,
                    tls: ConsulTLS(authority: tls?.authorityFile, certificate: tls?.certificateFile, key: tls?.keyFile))
            )
        }
    }
}

/// As whom a store is asked; paths of files on this host.
public struct StoreCredentials: Hashable, Sendable {
    public var user: String?
    public var passwordFile: String?
    /// Consul's.
    public var tokenFile: String?
    public var tls: StoreTLS?

    public init(
        user: String? = nil, passwordFile: String? = nil, tokenFile: String? = nil, tls: StoreTLS? = nil
    ) {
        self.user = user
        self.passwordFile = passwordFile
        self.tokenFile = tokenFile
        self.tls = tls
    }
}

extension StoreLocation {
    /// Runs `body` with the fleet's store, and closes what was opened for it.
    ///
    /// Throws `StoreError.settings` where the kind keeps locks alone.
    public func withStore<Value: Sendable>(
        of fleet: String, _ body: @Sendable (any FleetStore) async throws -> Value
    ) async throws -> Value {
        try await withLocks(of: fleet) { locks in
            guard let store = locks as? any FleetStore else {
                throw StoreError.settings("\(locks.place) keeps locks alone, no documents")
            }
            return try await body(store)
        }
    }

    /// Runs `body` with the fleet's locks, and closes what was opened for it.
    public func withLocks<Value: Sendable>(
        of fleet: String, _ body: @Sendable (any LockStore) async throws -> Value
    ) async throws -> Value {
        switch self {
        case .local(let directory): return try await body(LocalFileStore(directory: directory, fleet: fleet))
        case .etcd(let settings): return try await body(EtcdStore(settings, fleet: fleet))
        case .redis(let settings): return try await body(RedisStore(settings, fleet: fleet))
        case .redlock(let masters):
            return try await body(RedlockLocks(masters.map { try RedisStore($0, fleet: fleet) }))
        case .consul(let settings):
            let client = ConsulClient(settings)
            let result: Result<Value, any Error>
            do { result = .success(try await body(ConsulStore(client, fleet: fleet))) } catch {
                result = .failure(error)
            }
            try await client.shutdown()
            return try result.get()
        }
    }
}
