// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@testable import Reconciler

// Documents and generations by their notation.

/// One service `web`, from `10.0.0.1:80/tcp -> a, b w2`; `name` and `vip` of others are told.
func document(
    _ backends: String, service: String = "web", vip: String = "10.0.0.1:80/tcp", drain: Duration = .seconds(600),
    flowIdle: Duration = .seconds(3600), forwarding: Forwarding = .ipip, brake: Brake = Brake()
) throws -> DesiredState {
    let text = "\(vip) -> \(backends)"
    let notation = try #require(Notation(text), "no notation: \(text)")
    let service = VirtualService(
        name: service, vip: notation.vip, forwarding: forwarding, tableSize: .small, drain: drain, flowIdle: flowIdle,
        brake: brake)
    return DesiredState(entries: [.init(service: service, backends: notation.wanted)])
}

func publication(
    _ document: DesiredState, epoch: UInt64 = 1, number: UInt64 = 1, digest: String? = nil,
    after previous: Publication? = nil
) throws -> Publication {
    let next = try Generation.next(
        desired: document, previous: previous?.generation, epoch: epoch, seed: 7, now: 1000,
        predecessor: previous?.digest)
    var generation = try #require(next ?? previous?.generation)
    generation.number = number
    generation.epoch = epoch
    return Publication(generation: generation, digest: digest ?? "digest-\(epoch)-\(number)")
}

func publication(
    _ backends: String, epoch: UInt64 = 1, number: UInt64 = 1, digest: String? = nil, after previous: Publication? = nil
) throws -> Publication {
    try publication(document(backends), epoch: epoch, number: number, digest: digest, after: previous)
}

/// `2/17` of a generation; `web: a, b draining` of its services.
func text(_ generation: Generation) -> String {
    let services = generation.services.map { service in
        let backends = service.backends.map { $0.backend.name + ($0.state == .draining ? " draining" : "") }
        return "\(service.service.name): \(backends.joined(separator: ", "))"
    }
    return "\(generation.epoch).\(generation.number) \(services.joined(separator: "; "))"
}

/// Seconds of uptime; UTC is 1,000 seconds ahead.
func at(_ seconds: Double) -> Moment {
    Moment(utc: 1000 + Int64(seconds), uptime: .milliseconds(Int64(seconds * 1000)))
}

func names(_ backends: String..., service: String = "web") -> Set<BackendName> {
    Set(backends.map { BackendName(service: service, backend: $0) })
}

/// Every address of these generations, resolved.
func hops(for publications: Publication...) -> [IPAddress: NextHop] {
    let interface = NetworkInterface(index: 2, name: "eth0", address: MACAddress(bits: 1), mtu: 1500, isVirtual: false)
    let hop = NextHop(interface: interface, destination: MACAddress(bits: 2), mtu: 1500)
    let addresses = publications.reduce(into: Set<IPAddress>()) { $0.formUnion($1.generation.remoteAddresses) }
    return Dictionary(uniqueKeysWithValues: addresses.map { ($0, hop) })
}

func mark(_ epoch: UInt64, _ number: UInt64) -> Mark {
    Mark(epoch: epoch, number: number, digest: "digest-\(epoch)-\(number)")
}
