// SPDX-License-Identifier: Apache-2.0

import Model

/// Services whose connections this host's sockets may hold: those that sockets serve, and since sockets have served
/// them, until the last connection has gone. A pure value.
///
/// A service is marked in the packet path while sockets still serve it, so that the mark is there when its packets come
/// to the program.
struct Handover: Hashable {
    private(set) var services: Set<ServiceID> = []

    /// Takes in what sockets serve from now on.
    ///
    /// - Parameter holding: services of which workers hold connections, whoever told them to.
    mutating func serve(_ served: Set<ServiceID>, holding: Set<ServiceID> = []) {
        services.formUnion(served.union(holding))
    }

    /// Lets go of what sockets neither serve nor hold.
    ///
    /// - Returns: whether there was any.
    mutating func release(serving served: Set<ServiceID>, holding: Set<ServiceID>) -> Bool {
        let kept = services.intersection(served.union(holding))
        defer { services = kept }
        return kept != services
    }
}
