// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

/// What the maps hold, as far as a plan needs to know it.
struct ObservedImage: Sendable {
    /// Which half of the VIP array is in force.
    var active: Int
    /// The taken entries of that half.
    var entries: [vip]
    /// The content of `control` but for the VIPs.
    var control: CDataplane.control
    /// By service id.
    var policies: [CDataplane.service]
    /// By backend id.
    var backends: [CDataplane.backend]
    /// Words of the tables that were asked for.
    var tables: [TablePlace: [UInt32]]
    var access: Set<AccessEntry>
    /// So many entries the access map takes.
    var accessLimit: Int
    /// Words of the access filter.
    var filter: [UInt64]
    /// Interface indices by key of the device map.
    var ports: [UInt32: UInt32]
}

/// The VIP entries in force, by what tells services apart.
struct ActiveEntries: Sendable {
    let entries: [vip]
    private var bySeed: [UInt64: vip] = [:]
    private var byVIP: [VIP: vip] = [:]

    init(_ entries: [vip]) {
        self.entries = entries
        for entry in entries {
            guard let value = entry.value else { continue }
            bySeed[entry.seed] = entry
            byVIP[value] = entry
        }
    }

    /// The entry of this very service: known by the seed that comes from its name, or by its VIP.
    func entry(of service: ServiceImage) -> vip? { bySeed[service.seed] ?? byVIP[service.placed.service.vip] }

    /// Whether the service is in force under its id, as the seed that comes from its name tells.
    func holds(_ service: ServiceImage) -> Bool { bySeed[service.seed]?.service == service.id }

    /// Whether the service's table is in force already, so that slots change in place and keep their flows.
    func isInPlace(_ service: ServiceImage) -> Bool {
        guard let entry = entry(of: service) else { return false }
        return !entry.isEmpty && entry.service == service.id && entry.place == service.place
    }

    /// Entries by which packets reach a table.
    var steering: [vip] { entries.filter { $0.value != nil && !$0.isEmpty } }
}

extension CDataplane.vip {
    var place: TablePlace { TablePlace(granule: table, size: tableSize) }
}

extension CDataplane.backend {
    var isPresent: Bool { forward != UInt8(FORWARD_NONE.rawValue) }
    func has(_ flag: backend_flags) -> Bool { UInt32(flags) & flag.rawValue != 0 }
}

extension ServiceImage {
    func isSame(as entry: vip) -> Bool { entry.seed == seed || entry.value == placed.service.vip }
}
