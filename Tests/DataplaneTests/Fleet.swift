// SPDX-License-Identifier: Apache-2.0

import Model

@testable import Dataplane

/// Generations one after the other, from services in notation: `web 10.9.9.9:80/tcp -> a, b w2`.
struct Fleet {
    private(set) var generation: Generation?
    var seed: UInt64 = 7
    var time: Int64 = 1_000_000
    var adjust: (inout VirtualService) -> Void = { _ in }

    /// The next generation. `settled` names services that are reported settled.
    mutating func next(_ services: [String], settled: Set<String> = []) throws -> Generation {
        let entries = try services.map { text -> DesiredState.Entry in
            let parts = text.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, let notation = Notation(String(parts[1])) else { throw NotNotation(text: text) }
            var service = VirtualService(name: String(parts[0]), vip: notation.vip, tableSize: .small)
            adjust(&service)
            return DesiredState.Entry(service: service, backends: notation.wanted)
        }
        let next = try Generation.next(
            desired: DesiredState(entries: entries), previous: generation, settledServices: settled, epoch: 1,
            seed: seed,
            now: time, allowingEmpty: true)
        if let next { generation = next }
        guard let generation else { throw NotNotation(text: "no services") }
        return generation
    }

    struct NotNotation: Error { let text: String }
}

/// One interface, and every backend behind one router.
enum Host {
    static let eth0 = NetworkInterface(
        index: 5, name: "eth0", address: MACAddress(bits: 0x0200_0000_0005), mtu: 1500, isVirtual: false)
    static let eth1 = NetworkInterface(
        index: 6, name: "eth1", address: MACAddress(bits: 0x0200_0000_0006), mtu: 1500, isVirtual: false)

    static func view(_ generation: Generation, interfaces: [NetworkInterface] = [eth0], down: Set<BackendID> = [])
        -> HostView
    {
        let hop = NextHop(interface: interfaces[0], destination: MACAddress(bits: 0x0200_0000_0301), mtu: 1500)
        let addresses = generation.services.flatMap { $0.backends.map(\.backend.address) }
        return HostView(
            interfaces: interfaces, nextHops: Dictionary(addresses.map { ($0, hop) }) { one, _ in one }, down: down)
    }

    static func image(_ generation: Generation, down: Set<BackendID> = [], after old: MapImage? = nil) throws
        -> MapImage
    {
        try MapImage.image(of: generation, on: view(generation, down: down), after: old)
    }
}

extension Generation {
    func id(_ service: String, _ backend: String) -> BackendID? {
        self.service(named: service)?.backends.first { $0.backend.name == backend }?.id
    }
}
