// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Coordination
import Documents

// From a host's document to the clients of a store.

extension StoreLocation {
    /// - Parameter local: the directory that stands for the store of a host alone.
    public init(_ settings: CoordinationSettings, local: String) throws {
        switch settings.store {
        case .local: self = .local(directory: local)
        case .etcd(let access): self = .etcd(EtcdSettings(access))
        case .redis(let access): self = .redis(RedisSettings(access))
        case .consul(let access): self = .consul(try ConsulSettings(access))
        }
    }
}

extension EtcdSettings {
    public init(_ access: EtcdAccess) {
        self.init(
            endpoints: access.addresses, user: access.user, passwordFile: access.passwordFile,
            tls: StoreTLS(access.tls))
    }
}

extension RedisSettings {
    public init(_ access: RedisAccess) {
        self.init(
            host: access.address.host, port: access.address.port, user: access.user,
            passwordFile: access.passwordFile, tls: access.tls.map { StoreTLS($0) },
            sentinelMaster: access.sentinelMaster,
            otherSentinels: access.otherSentinels.map { RedisEnd(host: $0.host, port: $0.port) })
    }
}

extension ConsulSettings {
    public init(_ access: ConsulAccess) throws {
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
    public init(_ paths: TLSPaths) {
        self.init(
            authority: paths.authority, certificate: paths.certificate, key: paths.key, serverName: paths.serverName)
    }
}

extension StoreTLS {
    public init(_ paths: TLSPaths) {
        self.init(authorityFile: paths.authority, certificateFile: paths.certificate, keyFile: paths.key)
    }
}
