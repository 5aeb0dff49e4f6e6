// SPDX-License-Identifier: Apache-2.0

import Diagnosis
import EventLoop
import Model
import NextHops

/// What the kernel would do with packets for some addresses.
struct Ways {
    private let hops: [IPAddress: NextHop]
    private let missing: [IPAddress: MissingNextHop]
    /// Why nothing is known.
    private let failure: String?

    /// Neighbours that are not known are looked for, which costs half a second.
    static func look(for addresses: Set<IPAddress>) async -> Ways {
        guard !addresses.isEmpty else { return Ways(hops: [:], missing: [:], failure: nil) }
        do {
            let loop = try EventLoop.start(name: "doctor")
            defer { loop.stop() }
            let table = try NextHopTable(loop: loop)
            let hops = try await table.resolve(addresses)
            return Ways(hops: hops, missing: await table.missing, failure: nil)
        } catch {
            return Ways(hops: [:], missing: [:], failure: "\(error)")
        }
    }

    func way(to address: IPAddress) -> Reading<Facts.Service.Way> {
        if let hop = hops[address] {
            return .known(.hop(interface: hop.interface.name, mtu: hop.mtu, destination: hop.destination))
        }
        if let reason = missing[address] { return .known(.none(Facts.NoWay(reason))) }
        return .unknown(failure ?? "the kernel did not say")
    }

    func route(to address: IPAddress) -> Reading<Facts.VIPAddress.Route> {
        if hops[address] != nil { return .known(.away) }
        switch missing[address] {
        case .local: return .known(.local)
        case .noRoute, .blackhole: return .known(.nowhere)
        case .notUnicast, .noNeighbour, .linkDown, .notEthernet: return .known(.away)
        case nil: return .unknown(failure ?? "the kernel did not say")
        }
    }
}

extension Facts.NoWay {
    init(_ missing: MissingNextHop) {
        self =
            switch missing {
            case .noRoute: .noRoute
            case .blackhole: .blackhole
            case .local: .local
            case .notUnicast: .notUnicast
            case .noNeighbour(let address, let interface): .noNeighbour(address, interface: interface)
            case .linkDown(let interface): .linkDown(interface: interface)
            case .notEthernet(let interface): .notEthernet(interface: interface)
            }
    }
}
