// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Coordination
import Documents
import Programs

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
