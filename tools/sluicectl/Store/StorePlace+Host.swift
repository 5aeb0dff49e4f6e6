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
            case .consul(let access): .consul(ConsulSettings(access))
            }
    }
}

extension StoreTLS {
    fileprivate init(_ paths: TLSPaths) {
        self.init(authorityFile: paths.authority, certificateFile: paths.certificate, keyFile: paths.key)
    }
}
