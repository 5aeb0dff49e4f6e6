// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

/// The exact keys and values of every map that a generation and this host's view of the world come to.
///
/// The fleet part (VIPs, ids, tables) is the same on every host that has the generation; the rest is this host's own.
public struct MapImage: Sendable {
    /// Sorted by id; services that the program does not steer (`forward: sockets`) are left out.
    let services: [ServiceImage]
    /// What the VIP array shall hold.
    let half: VIPHalf
    let access: [AccessEntry]
    /// Words of the access filter.
    let filter: [UInt64]
    let view: HostView
    /// Interfaces that a redirect may leave by, by their key in the device map.
    public let ports: PortAssignment

    /// - Parameters:
    ///   - old: the image before: what did not change is taken from it.
    ///   - ports: what the device map holds; the old image's, if there is one, is preferred.
    /// - Throws: where something of the generation cannot be made into map entries; all of it is refused then.
    public static func image(
        of generation: Generation, on host: HostView, after old: MapImage? = nil, ports: PortAssignment? = nil
    ) throws(ImageError) -> MapImage {
        let sameHost = old.map { $0.view.hasSameWays(as: host) && $0.interfacesWithoutPort.isEmpty } ?? false
        var assigned = old?.ports ?? ports ?? PortAssignment(limit: UInt32(PORTS_MAX))
        if !sameHost { assigned.keep(host.redirectInterfaces) }
        let templates = BackendTemplate(host: host, ports: assigned)
        let before = OldServices(old)
        let services = try generation.services
            .filter { $0.service.forwarding != .sockets }
            .sorted { $0.id < $1.id }
            .map { placed throws(ImageError) in
                let seed = placed.flowSeed(of: generation.seed)
                let down = host.down.isEmpty ? [] : host.down.intersection(placed.backends.lazy.map(\.id))
                let handover = placed.service.vip.transport == .tcp && host.handover.contains(placed.id)
                let previous = before[placed.id]
                if let previous, sameHost, previous.seed == seed, previous.down == down,
                    previous.handover == handover, previous.placed == placed
                {
                    return previous
                }
                return try ServiceImage(
                    placed, seed: seed, down: down, handover: handover, templates: templates, old: previous)
            }
        try checkPlaces(services)
        let entries = VIPHalf.entries(of: services.map(\.vip))
        guard let half = old.flatMap({ $0.half.holds(entries) ? $0.half : nil }) ?? VIPHalf(entries) else {
            throw ImageError("\(services.count) VIPs: no seed spreads them over \(VIP_LINES) lines")
        }
        let access = services.flatMap(\.access)
        let filter = old.flatMap { $0.access == access ? $0.filter : nil } ?? AccessFilter.words(of: access)
        return MapImage(services: services, half: half, access: access, filter: filter, view: host, ports: assigned)
    }

    /// Packets that would leave by these are dropped until a key of the device map is free: indices, sorted.
    var interfacesWithoutPort: [UInt32] { view.redirectInterfaces.filter { ports.key(of: $0) == nil }.sorted() }

    /// Names of services whose brake holds the down set back: likelier is that this host is cut off.
    public var isolatedServices: [String] { services.filter(\.isolated).map(\.name).sorted() }

    /// No two services share an id, a VIP, a granule or a backend id.
    private static func checkPlaces(_ services: [ServiceImage]) throws(ImageError) {
        var granules = [Int](repeating: -1, count: Int(GRANULES_MAX))
        var owners = [Int](repeating: -1, count: Int(BACKEND_IDS))
        var ids: Set<UInt16> = []
        var vips: Set<VIP> = []
        for (index, service) in services.enumerated() {
            guard ids.insert(service.id).inserted else {
                throw ImageError("service \(service.name): another one has the id \(service.id), too")
            }
            guard vips.insert(service.placed.service.vip).inserted else {
                throw ImageError("service \(service.name): another one has the VIP \(service.placed.service.vip), too")
            }
            for granule in service.place.granules {
                guard granules[granule] < 0 else {
                    throw ImageError(
                        "service \(service.name): its table overlaps \(services[granules[granule]].name)'s")
                }
                granules[granule] = index
            }
            for entry in service.backends {
                guard owners[Int(entry.id)] < 0 else {
                    let other = services[owners[Int(entry.id)]].name
                    throw ImageError("service \(service.name): backend id \(entry.id) is \(other)'s, too")
                }
                owners[Int(entry.id)] = index
            }
        }
    }
}

/// The services of the image before, by id.
private struct OldServices {
    private var services = [ServiceImage?](repeating: nil, count: Int(SERVICE_IDS))

    init(_ image: MapImage?) {
        for service in image?.services ?? [] { services[Int(service.id)] = service }
    }

    subscript(id: ServiceID) -> ServiceImage? {
        services.indices.contains(Int(id.rawValue)) ? services[Int(id.rawValue)] : nil
    }
}

extension HostView {
    /// Whether templates come out the same.
    func hasSameWays(as other: HostView) -> Bool {
        interfaces == other.interfaces && nextHops == other.nextHops && sourcePrefix4 == other.sourcePrefix4
            && sourcePrefix6 == other.sourcePrefix6
    }

    /// Interfaces that packets leave by though they may have come in by another.
    var redirectInterfaces: Set<UInt32> {
        // Nothing is attached to: no packet comes in.
        guard !interfaces.isEmpty else { return [] }
        let leaving = Set(nextHops.values.lazy.map(\.interface.index))
        return interfaces.count == 1 ? leaving.subtracting([interfaces[0].index]) : leaving
    }
}
