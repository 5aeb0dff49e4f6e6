// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Coordination
import Documents

extension StorePlace {
    /// The store of this host's fleet; for a host alone, the locks in its state directory.
    init(_ host: HostConfiguration) throws {
        let settings = host.coordination
        fleet = settings.fleet
        location =
            switch settings.store {
            case .local: .local(directory: host.directories.state + "/locks")
            case .etcd(let access):
                .etcd(
                    EtcdSettings(
                        endpoints: access.addresses, user: access.user, passwordFile: access.passwordFile,
                        tls: StoreTLS(access.tls)))
            case .redis(let access):
                .redis(
                    RedisSettings(
                        host: access.address.host, port: access.address.port, user: access.user,
                        passwordFile: access.passwordFile, tls: access.tls.map { StoreTLS($0) },
                        sentinelMaster: access.sentinelMaster))
            case .consul(let access): .consul(try ConsulSettings(access))
            }
    }
}

extension StoreTLS {
    fileprivate init(_ paths: TLSPaths) {
        self.init(authorityFile: paths.authority, certificateFile: paths.certificate, keyFile: paths.key)
    }
}

extension ConsulSettings {
    init(_ access: ConsulAccess) throws {
        let addresses = access.addresses.compactMap { ConsulAddress($0) }
        guard addresses.count == access.addresses.count, !addresses.isEmpty else {
            throw Failure(.badDocument, "\(access.addresses.joined(separator: ", ")): no address of a Consul agent")
        }
        self.init(
            addresses: addresses, datacenter: access.datacenter, namespace: access.namespace,
            partition: access.partition, tokenFile: access.tokenFile,
            tls: ConsulTLS(
                authority: access.tls.authority, certificate: access.tls.certificate, key: access.tls.key,
                serverName: access.tls.serverName))
    }
}
