// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Coordination
import Documents

/// The store that a host's settings name.
struct FleetSite: Sendable {
    let store: any FleetStore
    /// Shut down when nobody asks it any more.
    let client: ConsulClient?

    /// Nil where the host is alone.
    init?(_ settings: CoordinationSettings) throws {
        switch settings.store {
        case .local: return nil
        case .etcd(let access):
            store = try EtcdStore(EtcdSettings(access), fleet: settings.fleet)
            client = nil
        case .redis(let access):
            store = try RedisStore(RedisSettings(access), fleet: settings.fleet)
            client = nil
        case .consul(let access):
            let consul = ConsulClient(try ConsulSettings(access))
            store = try ConsulStore(consul, fleet: settings.fleet)
            client = consul
        }
    }
}

extension LeaseTiming {
    init(_ times: LeaseTimes) throws {
        try self.init(lease: times.lease, renewWithin: times.renew, retry: times.retry)
    }
}

extension StoreTLS {
    init(_ paths: TLSPaths) {
        self.init(
            authorityFile: paths.authority, certificateFile: paths.certificate, keyFile: paths.key)
    }
}

extension EtcdSettings {
    init(_ access: EtcdAccess) {
        self.init(
            endpoints: access.addresses, user: access.user, passwordFile: access.passwordFile,
            tls: StoreTLS(access.tls))
    }
}

extension RedisSettings {
    init(_ access: RedisAccess) {
        self.init(
            host: access.address.host, port: access.address.port, user: access.user,
            passwordFile: access.passwordFile, tls: access.tls.map { StoreTLS($0) },
            sentinelMaster: access.sentinelMaster)
    }
}

extension ConsulSettings {
    init(_ access: ConsulAccess) throws {
        let addresses = try access.addresses.map { text in
            guard let address = ConsulAddress(text) else {
                throw StoreError.settings("'\(text)' is no address of Consul; one is http://127.0.0.1:8500")
            }
            return address
        }
        self.init(
            addresses: addresses, datacenter: access.datacenter, namespace: access.namespace,
            partition: access.partition, tokenFile: access.tokenFile, tls: ConsulTLS(access.tls))
    }
}

extension ConsulTLS {
    init(_ paths: TLSPaths) {
        self.init(
            authority: paths.authority, certificate: paths.certificate, key: paths.key, serverName: paths.serverName)
    }
}
