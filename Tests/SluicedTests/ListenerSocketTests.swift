// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Logging
import Model
import TestSupport
import Testing

@testable import sluiced

/// What the kernel is told of the host's listening sockets.
@Suite(.serialized, .requires("root", "bpf", "clang")) struct ListenerSocketTests {
    private static func placed(_ port: UInt16) -> PlacedService {
        let vip = VIP(address: IPAddress(v4: 0x7f00_0001), port: port, transport: .tcp)
        var service = VirtualService(name: "web", vip: vip, forwarding: .sockets)
        service.relay.maxConnectionsPerSource = 5
        return PlacedService(id: ServiceID(rawValue: 3), table: 0, service: service, backends: [])
    }

    /// With pins of its own, which go when the test ends.
    private final class Pins {
        let path = "/sys/fs/bpf/sluice-test-\(UInt32.random(in: .min ... .max))"

        deinit { _ = Result { try Shell.run("rm -rf \(path)") } }
    }

    private static func sockets(_ pins: Pins) -> ListenerSockets {
        ListenerSockets(
            workers: 2,
            settings: .init(
                sources: RepositoryRoot.path + "/bpf", cache: RepositoryRoot.objectCache, pins: pins.path),
            logger: Logger(label: "listeners") { _ in SwiftLogNoOpLogHandler() })
    }

    @Test func `what the kernel has not taken it is told again, and a person as well`() throws {
        let pins = Pins()
        var sockets = Self.sockets(pins)
        // Of no group: the kernel has nothing to choose from.
        let alone = try Descriptor.listener(on: .loopback(port: 0))
        let placed = Self.placed(try alone.localAddress().port)
        let key = ListenerKey(.relay, placed.service.vip)
        _ = sockets.adopt(OwnedDescriptor(alone), for: key, slot: 0)
        let warning = sockets.direct(placed, key, seed: 7)
        #expect(warning?.hasPrefix("service web: each of 2 workers lets a source have 5 connections") == true)
        #expect(sockets.direct(placed, key, seed: 7) == warning)
    }

    @Test func `what the kernel has taken needs no warning`() throws {
        let pins = Pins()
        var sockets = Self.sockets(pins)
        let one = try Descriptor.listener(on: .loopback(port: 0), reusePort: true)
        let placed = Self.placed(try one.localAddress().port)
        let key = ListenerKey(.relay, placed.service.vip)
        _ = sockets.adopt(OwnedDescriptor(one), for: key, slot: 0)
        #expect(sockets.direct(placed, key, seed: 7) == nil)
        #expect(sockets.direct(placed, key, seed: 7) == nil)
    }
}
