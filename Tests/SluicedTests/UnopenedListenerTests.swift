// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import Model
import TestSupport
import Testing

@testable import sluiced

/// A listener whose port somebody else has.
struct UnopenedListenerTests {
    private static func problems(_ site: AdoptionSite) async -> [String?] {
        await site.workforce.listenerRows().map(\.problem)
    }

    @Test func `a port that another had is taken when it is free`() async throws {
        // Alone on its port, which the kernel chooses.
        let address = SocketAddress(v4: 0x0a09_0909, port: 0)
        let occupant = OwnedDescriptor(try .listener(on: address, freely: true))
        let site = try AdoptionSite(port: try occupant.descriptor.localAddress().port)
        let worker = try site.worker()
        let problems = await site.workforce.apply(site.generation, services: site.generation.services, down: [])
        #expect(problems.contains { $0.hasPrefix("no connection comes to \(site.key.vip): ") }, "\(problems)")
        #expect(await Self.problems(site).compactMap(\.self).count == 1)
        await site.workforce.look()
        #expect(!worker.told.withLock { $0 }.contains(.listen(site.key)))
        _ = consume occupant
        await site.workforce.look()
        #expect(worker.told.withLock { $0 }.contains(.listen(site.key)))
        #expect(await Self.problems(site) == [nil])
    }
}
