// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model

/// All that a worker is to know, whole: it goes by it from one moment to the next.
struct WorkerOrder: Codable, Hashable, Sendable {
    /// Of what it was made.
    var epoch: UInt64
    var number: UInt64
    /// The fleet's secret.
    var seed: UInt64
    /// The services that sockets serve on this host, as canonical bytes.
    private var blobs: [Data]
    /// Those that routes name, likewise.
    private var routedBlobs: [Data]
    /// Listeners and routes as canonical bytes; nil where there are none.
    private var routingBytes: Data?
    /// Backends that this host's probes see down.
    var down: Set<UInt16>
    /// How many share the work: of a service's limits each has its part.
    var workers: Int

    /// - Parameter services: those that sockets serve.
    init(_ generation: Generation, services: [PlacedService], down: Set<BackendID>, workers: Int) {
        (epoch, number, seed) = (generation.epoch, generation.number, generation.seed)
        blobs = services.map { Data($0.canonicalBytes) }
        let named = generation.routing.services
        routedBlobs = generation.services.filter { named.contains($0.service.name) }.map { Data($0.canonicalBytes) }
        routingBytes = generation.routing.isEmpty ? nil : Data(generation.routing.canonical.bytes)
        self.down = Set(down.map(\.rawValue))
        self.workers = workers
    }

    /// The generation, with these services alone.
    ///
    /// - Throws: where it is not what this version writes.
    func generation() throws -> Generation {
        Generation(epoch: epoch, number: number, seed: seed, services: try Self.services(blobs))
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
