// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTP
import Model

/// All that a worker is to know, whole: it goes by it from one moment to the next. Workers have no privilege, and not the
/// fleet's secret either: of each service that they relay they have the seed of its flow hash.
struct WorkerOrder: Codable, Hashable, Sendable {
    /// Of what it was made.
    var epoch: UInt64
    var number: UInt64
    /// The services that sockets serve on this host, and those that listeners pass connections on to, as canonical bytes,
    /// and the seeds of their flow hashes.
    private var blobs: [Data]
    private var flowSeeds: [UInt64]
    /// Those that routes name, likewise.
    private var routedBlobs: [Data]
    /// Listeners and routes as canonical bytes; nil where there are none.
    private var routingBytes: Data?
    /// Backends that this host's probes see down.
    var down: Set<UInt16>
    /// How many share the work: of a service's limits each has its part where it counts alone.
    var workers: Int
    /// Of listeners with TLS, by their addresses, as far as this host's files serve.
    var tls: [String: TLSMaterial]

    /// - Parameter services: those that sockets serve.
    init(
        _ generation: Generation, services: [PlacedService], down: Set<BackendID>, workers: Int,
        tls: [String: TLSMaterial]
    ) {
        (epoch, number) = (generation.epoch, generation.number)
        let sniffed = generation.routing.sniffed.subtracting(services.map(\.service.name))
        let relayed = services + generation.services.filter { sniffed.contains($0.service.name) }
        blobs = relayed.map { Data($0.canonicalBytes) }
        flowSeeds = relayed.map { $0.flowSeed(of: generation.seed) }
        let named = generation.routing.services
        routedBlobs = generation.services.filter { named.contains($0.service.name) }.map { Data($0.canonicalBytes) }
        routingBytes = generation.routing.isEmpty ? nil : Data(generation.routing.canonical.bytes)
        self.down = Set(down.map(\.rawValue))
        self.workers = workers
        self.tls = tls
    }

    /// The services that are relayed, each with the seed of its flow hash.
    ///
    /// - Throws: where it is not what this version writes.
    func relayed() throws -> [(placed: PlacedService, seed: UInt64)] {
        let services = try Self.services(blobs)
        guard services.count == flowSeeds.count else { throw UnevenOrder(services: services.count) }
        return zip(services, flowSeeds).map { (placed: $0, seed: $1) }
    }

    /// The services that routes name.
    func routed() throws -> [PlacedService] { try Self.services(routedBlobs) }

    func routing() throws -> Routing {
        try routingBytes.map { try Routing(CanonicalReader(Array($0))) } ?? Routing()
    }

    private static func services(_ blobs: [Data]) throws -> [PlacedService] {
        try blobs.map { try PlacedService(canonical: Array($0)) }
    }
}

/// An order whose parts do not belong together.
struct UnevenOrder: Error, CustomStringConvertible {
    let services: Int
    var description: String { "an order has \(services) services and not as many seeds" }
}
