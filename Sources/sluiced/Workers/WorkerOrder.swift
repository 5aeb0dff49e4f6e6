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
    /// Backends that this host's probes see down.
    var down: Set<UInt16>
    /// How many share the work: of a service's limits each has its part.
    var workers: Int

    init(_ generation: Generation, services: [PlacedService], down: Set<BackendID>, workers: Int) {
        (epoch, number, seed) = (generation.epoch, generation.number, generation.seed)
        blobs = services.map { Data($0.canonicalBytes) }
        self.down = Set(down.map(\.rawValue))
        self.workers = workers
    }

    /// The generation, with these services alone.
    ///
    /// - Throws: where it is not what this version writes.
    func generation() throws -> Generation {
        var services: [PlacedService] = []
        for blob in blobs { services.append(try PlacedService(canonical: Array(blob))) }
        return Generation(epoch: epoch, number: number, seed: seed, services: services)
    }
}
