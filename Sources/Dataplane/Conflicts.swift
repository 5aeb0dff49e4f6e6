// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

/// What is still in force and stands in the way of a service's entries: another service's table, id or backends.
///
/// It happens on a host that skipped generations, or that lost its state while the pins stayed: a generation itself
/// never gives a place that the one before used for something else.
struct Conflicts {
    /// Backend ids that stand for another backend in the maps.
    let reused: Set<UInt16>
    /// Who holds a granule, and a service's id: places in `steering`, less than 0 for nobody.
    private var granules = [Int](repeating: -1, count: Int(GRANULES_MAX))
    private var ids = [Int](repeating: -1, count: Int(SERVICE_IDS))
    private let steering: [vip]
    /// Those of the reused that a table in force still names.
    private let named: Set<UInt16>

    /// - Parameter updated: services whose tables hold what the image says.
    init(image: MapImage, observed: ObservedImage, active: ActiveEntries, updated: Set<UInt16>) {
        steering = active.steering
        reused = Self.reused(image, observed)
        var named: Set<UInt16> = []
        if !reused.isEmpty {
            for entry in active.steering where !updated.contains(entry.service) {
                for word in observed.tables[entry.place] ?? [] {
                    let word = SlotWord(rawValue: word)
                    if reused.contains(word.current) { named.insert(word.current) }
                    if reused.contains(word.previous) { named.insert(word.previous) }
                }
            }
        }
        self.named = named
        for (index, entry) in steering.enumerated() {
            if ids.indices.contains(Int(entry.service)) { ids[Int(entry.service)] = index }
            for granule in entry.place.granules.clamped(to: granules.indices) { granules[granule] = index }
        }
    }

    static func reused(_ image: MapImage, _ observed: ObservedImage) -> Set<UInt16> {
        var reused: Set<UInt16> = []
        for service in image.services {
            for entry in service.backends {
                let old = observed.backends[Int(entry.id)]
                guard old.isPresent else { continue }
                if old.service != entry.template.service || !sameBytes(old.destination, entry.template.destination) {
                    reused.insert(entry.id)
                }
            }
        }
        return reused
    }

    func blocks(_ service: ServiceImage) -> Bool {
        if isOthers(ids[Int(service.id)], service) { return true }
        var holder = -1
        for granule in service.place.granules where granules[granule] != holder {
            holder = granules[granule]
            if isOthers(holder, service) { return true }
        }
        return !named.isEmpty && service.backends.contains { named.contains($0.id) }
    }

    private func isOthers(_ holder: Int, _ service: ServiceImage) -> Bool {
        holder >= 0 && !service.isSame(as: steering[holder])
    }
}

extension CDataplane.vip {
    /// The same VIP while its packets are dropped with a reason.
    func emptied() -> vip {
        var entry = self
        entry.flags |= UInt8(VIP_EMPTY.rawValue)
        return entry
    }
}
