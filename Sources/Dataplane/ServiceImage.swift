// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

/// Where a lookup table lies in the slots map.
struct TablePlace: Hashable, Sendable {
    let granule: UInt16
    let size: TableSize

    var granules: Range<Int> { Int(granule)..<Int(granule) + size.granules }
    var lines: Range<Int> {
        let first = Int(granule) * Int(LINES_PER_GRANULE)
        return first..<first + size.lines
    }
}

/// All entries of one service. A class, so that a service that did not change is the same object in the next image.
final class ServiceImage: Sendable {
    struct BackendEntry: Sendable {
        let id: UInt16
        let template: CDataplane.backend
    }

    let placed: PlacedService
    let seed: UInt64
    let down: Set<BackendID>
    /// Sockets of this host still hold connections of it.
    let handover: Bool
    /// The down set would pass the service's brake and is ignored.
    let isolated: Bool
    let members: [TableMember]
    let place: TablePlace
    let vip: CDataplane.vip
    let policy: CDataplane.service
    let access: [AccessEntry]
    let backends: [BackendEntry]
    /// Backends whose flows move on at once.
    let rehashed: [UInt16]
    /// The backend of each slot.
    let current: [UInt16]

    var id: UInt16 { placed.id.rawValue }
    var name: String { placed.service.name }

    /// - Parameters:
    ///   - seed: of its flow hash.
    ///   - down: those of its backends that this host sees down.
    ///   - handover: whether sockets of this host still hold connections of it.
    ///   - old: the same service in the image before, whose table serves again if its members stayed.
    init(
        _ placed: PlacedService, seed: UInt64, down: Set<BackendID>, handover: Bool, templates: BackendTemplate,
        old: ServiceImage?
    ) throws(ImageError) {
        self.placed = placed
        self.seed = seed
        self.down = down
        self.handover = handover
        let active = placed.activeMembers(less: down)
        members = active.members
        isolated = active.isolated
        place = TablePlace(granule: placed.table, size: placed.service.tableSize)
        guard place.granules.upperBound <= Int(GRANULES_MAX), (1...Int(SERVICES_MAX)).contains(Int(placed.id.rawValue))
        else {
            throw ImageError(
                "service \(placed.service.name): id \(placed.id.rawValue) or table at granule \(placed.table) "
                    + "lies outside the maps")
        }
        let list = AccessList(placed)
        access = list.entries
        policy = CDataplane.service(placed.service, allowsOthers: list.allowsOthers)
        vip = CDataplane.vip(
            placed, seed: seed, flags: Self.flags(of: placed, restricted: list.restricts, handover: handover))
        let rehashed = down.isEmpty ? [] : placed.rehashed(down: down)
        self.rehashed = rehashed.map(\.rawValue).sorted()
        let taking = Set(active.members.map(\.id))
        var backends: [BackendEntry] = []
        backends.reserveCapacity(placed.backends.count)
        for backend in placed.backends {
            guard (1...Int(BACKENDS_MAX)).contains(Int(backend.id.rawValue)) else {
                throw ImageError(
                    "service \(placed.service.name): backend \(backend.backend.name): id \(backend.id.rawValue) "
                        + "lies outside the maps")
            }
            var flags = taking.contains(backend.id) ? BACKEND_ACTIVE.rawValue : 0
            if rehashed.contains(backend.id) { flags |= BACKEND_RECORDS_VOID.rawValue }
            let template = try templates.entry(backend, of: placed, flags: flags)
            backends.append(BackendEntry(id: backend.id.rawValue, template: template))
        }
        self.backends = backends
        if let old, old.members == active.members, old.place.size == place.size {
            current = old.current
        } else {
            current = LookupTable.slots(of: active.members, size: place.size)
        }
    }

    /// What each slot's previous backend is where no older slot says it: from the settled membership.
    func previous() -> [UInt16] { placed.isSettled && down.isEmpty ? current : placed.tables(down: down).previous }

    private static func flags(of placed: PlacedService, restricted: Bool, handover: Bool) -> UInt32 {
        let service = placed.service
        var flags: UInt32 =
            switch service.tableSize {
            case .small: 0
            case .medium: 1
            case .large: 2
            }
        if service.flowKey == .sourceIP { flags |= VIP_SOURCE_IP.rawValue }
        if service.vip.port == 0 { flags |= VIP_ANY_PORT.rawValue }
        if service.udp == .stateless, service.vip.transport == .udp { flags |= VIP_STATELESS.rawValue }
        if handover { flags |= VIP_HANDOVER.rawValue }
        if restricted { flags |= VIP_ACCESS.rawValue }
        // While one drains, its flows still have a slot to go by.
        if placed.backends.isEmpty { flags |= VIP_EMPTY.rawValue }
        return flags
    }
}
