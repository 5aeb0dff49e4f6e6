// SPDX-License-Identifier: Apache-2.0

import Logging
import Model
import NextHops
import Reconciler

/// The kernel's routes and neighbours as the reconciler's next hops.
struct NeighbourHops: NextHopSource {
    let table: NextHopTable
    let logger: Logger

    func watch(_ addresses: Set<IPAddress>) async {
        do {
            _ = try await table.resolve(addresses)
        } catch {
            // The table reads everything again by itself; what is known stays.
            logger.warning("next hops not read", metadata: ["cause": "\(error)"])
        }
    }

    var nextHops: AsyncStream<[IPAddress: NextHop]> { table.updates }
}
