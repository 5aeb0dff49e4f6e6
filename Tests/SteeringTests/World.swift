// SPDX-License-Identifier: Apache-2.0

import Model
import TestSupport

/// What people want of the fleet, the generations that come of it, and when something happened to which backend.
struct World {
    struct Member {
        let name: String
        /// The last two bytes of its address: which backend a packet went to.
        var number: UInt16
        var weight: UInt32 = 10
    }

    /// A service as it is wanted.
    struct Site {
        var service: VirtualService
        var members: [Member]
        /// When its table was last made anew in another size, and when any change of it was last applied.
        var resized = -Double.infinity
        var changed = -Double.infinity
    }

    private(set) var sites: [Site] = []
    private(set) var generation: Generation?
    private(set) var down: Set<String> = []
    /// When a backend of this number was left out at its deadline, or was seen down by a service that rehashes.
    private(set) var left: [UInt16: Double] = [:]
    private(set) var rehashed: [UInt16: Double] = [:]
    private var overrides: [Override] = []
    private var lastNumber: UInt16 = 0
    private var random: SplitMix
    private let seed: UInt64

    static let flowIdle = 40
    static let udpIdle = 16
    static let drain = 80

    init(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        self.seed = random.next()
        self.random = random
        try add("web", "192.0.2.1:443/tcp") { $0.tableSize = .medium }
        try add("web6", "[2001:db8::1]:443/tcp")
        try add("dns", "192.0.2.1:53/udp")
        try add("dns6", "[2001:db8::1]:53/udp")
        try add("rehashing", "192.0.2.2:443/tcp") { $0.onDown = .rehash }
        try add("sized", "192.0.2.3:443/tcp")
        try add("sticky", "192.0.2.5:443/tcp") { $0.flowKey = .sourceIP }
    }

    mutating func add(_ name: String, _ vip: String, _ change: (inout VirtualService) -> Void = { _ in }) throws {
        guard let vip = VIP(vip) else { throw Unusable(what: vip) }
        var service = VirtualService(
            name: name, vip: vip, tableSize: .small, drain: .seconds(Self.drain), flowIdle: .seconds(Self.flowIdle),
            udpIdle: .seconds(Self.udpIdle))
        change(&service)
        sites.append(Site(service: service, members: []))
        for name in ["a", "b", "c", "d", "e", "f", "g", "h"] { place(name, in: sites.count - 1) }
    }

    private mutating func place(_ name: String, in site: Int) {
        lastNumber += 1
        sites[site].members.append(Member(name: name, number: lastNumber))
    }

    /// The next generation, if anything is to be changed or a deadline has come.
    mutating func publish(settled: Set<String>, at now: Double) throws -> Generation? {
        let next = try Generation.next(
            desired: DesiredState(entries: sites.map(\.entry)), overrides: overrides, previous: generation,
            settledServices: settled, epoch: 1, seed: seed, now: 1_000_000 + Int64(now))
        guard let next else { return nil }
        let present = Set(next.services.flatMap { $0.backends.map(\.backend.number) })
        for placed in generation?.services.flatMap(\.backends) ?? [] where !present.contains(placed.backend.number) {
            left[placed.backend.number] = now
        }
        for index in sites.indices {
            let name = sites[index].service.name
            let (old, new) = (generation?.services.named(name), next.services.named(name))
            if old != new { sites[index].changed = now }
            if old?.service.tableSize != new?.service.tableSize { sites[index].resized = now }
        }
        generation = next
        return next
    }

    /// Those that this generation's services have under the names that are down.
    var downIDs: Set<BackendID> {
        let backends = generation?.services.flatMap(\.backends) ?? []
        return Set(backends.lazy.filter { down.contains($0.backend.name) }.map(\.id))
    }
}

extension World {
    /// - Parameter now: seconds.
    mutating func make(_ change: Change, at now: Double) throws {
        switch change {
        case .weights: changeWeights()
        case .add(let name): for site in sites.indices { place(name, in: site) }
        case .remove(let name): for site in sites.indices { sites[site].members.removeAll { $0.name == name } }
        case .drain(let name):
            overrides += sites.map { Override(service: $0.service.name, backend: name, author: "me", reason: "test") }
        case .enable(let name): overrides.removeAll { $0.backend == name }
        case .move(let name):
            for site in sites.indices {
                sites[site].members.removeAll { $0.name == name }
                place(name, in: site)
            }
        case .down(let name):
            down.insert(name)
            see(at: now)
        case .up(let name):
            down.remove(name)
            see(at: now)
        case .resize(let size):
            for site in sites.indices where sites[site].service.name == "sized" { sites[site].service.tableSize = size }
        case .reuseIDs: generation?.nextBackendID = 1
        case .addService: try add("any", "192.0.2.4:any/tcp") { $0.forwarding = .gue }
        case .restart: break
        }
    }

    /// Probes see what is down now.
    private mutating func see(at now: Double) {
        for site in sites.indices {
            sites[site].changed = now
            guard sites[site].service.onDown == .rehash else { continue }
            for member in sites[site].members where down.contains(member.name) { rehashed[member.number] = now }
        }
    }

    private mutating func changeWeights() {
        for site in sites.indices {
            for _ in 0..<3 {
                let member = Int.random(in: sites[site].members.indices, using: &random)
                sites[site].members[member].weight = UInt32.random(in: 2...30, using: &random)
            }
        }
    }
}

extension World.Site {
    fileprivate var entry: DesiredState.Entry {
        DesiredState.Entry(
            service: service,
            backends: members.map { member in
                let address =
                    service.vip.address.isIPv4
                    ? IPAddress(v4: 0x0a09_0000 | UInt32(member.number))
                    : IPAddress(high: 0xfd00_0000_0000_0000, low: UInt64(member.number))
                return Backend(name: member.name, address: address, port: service.vip.port, weight: member.weight)
            })
    }
}

extension Backend {
    /// Which backend of a `World` it is.
    var number: UInt16 { UInt16(truncatingIfNeeded: address.low) }
}

extension [PlacedService] {
    func named(_ name: String) -> PlacedService? { first { $0.service.name == name } }
}
