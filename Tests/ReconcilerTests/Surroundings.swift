// SPDX-License-Identifier: Apache-2.0

import Model
import Synchronization

@testable import Reconciler

/// Probes, routes and a kernel for one reconciler.
final class Surroundings: HealthSource, NextHopSource, Applier {
    let downSets: AsyncStream<Set<BackendName>>
    let down: AsyncStream<Set<BackendName>>.Continuation
    let nextHops: AsyncStream<[IPAddress: NextHop]>
    let isSettled = Atomic<Bool>(false)
    let cannotCount = Atomic<Bool>(false)
    private let hops: AsyncStream<[IPAddress: NextHop]>.Continuation
    private let orders: AsyncStream<Order>
    private let order: AsyncStream<Order>.Continuation

    init() {
        (downSets, down) = AsyncStream.makeStream(of: Set<BackendName>.self)
        (nextHops, hops) = AsyncStream.makeStream(of: [IPAddress: NextHop].self)
        (orders, order) = AsyncStream.makeStream(of: Order.self)
    }

    func watch(_ generation: Generation, down: Set<BackendName>) async {}

    func watch(_ addresses: Set<IPAddress>) async {
        let interface = NetworkInterface(
            index: 2, name: "eth0", address: MACAddress(bits: 1), mtu: 1500, isVirtual: false)
        let hop = NextHop(interface: interface, destination: MACAddress(bits: 2), mtu: 1500)
        hops.yield(Dictionary(uniqueKeysWithValues: addresses.map { ($0, hop) }))
    }

    func apply(_ order: Order) async throws -> AppliedReport {
        self.order.yield(order)
        return AppliedReport(fleetDigest: "fleet")
    }

    func settle(at uptime: Duration) async throws -> Set<String> {
        isSettled.load(ordering: .relaxed) ? ["web"] : []
    }

    struct NoCounters: Error {}

    func drops() async throws -> [String: UInt64] {
        if cannotCount.load(ordering: .relaxed) { throw NoCounters() }
        return [:]
    }

    /// The next order that is as it should be.
    func next(_ condition: (Order) -> Bool) async -> Order {
        for await order in orders where condition(order) { return order }
        preconditionFailure("orders do not end")
    }
}
