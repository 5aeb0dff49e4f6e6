// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@testable import sluiced

struct SocketsPathTests {
    private static let generation = Generation(
        epoch: 1, number: 1, seed: 1,
        services: [
            ("any", Forwarding.ipip, 0), ("here", .local, 80), ("relayed", .sockets, 81), ("web", .ipip, 82),
        ].map { (name: String, forwarding: Forwarding, port: UInt16) in
            let vip = VIP(address: IPAddress(v4: 0x0a09_0909), port: port, transport: .tcp)
            let service = VirtualService(name: name, vip: vip, forwarding: forwarding)
            return PlacedService(id: ServiceID(rawValue: 1), table: 0, service: service, backends: [])
        })

    private static func served(_ path: SocketsPath) -> [String] {
        path.services(of: generation).map(\.service.name)
    }

    @Test func `sockets serve what says so`() {
        #expect(Self.served(SocketsPath(mode: .auto)) == ["relayed"])
        #expect(SocketsPath(mode: .auto).warnings(of: Self.generation) == [])
    }

    @Test func `sockets serve all that they can where no interface takes XDP`() {
        var path = SocketsPath(mode: .auto)
        let changes = [[true], [true], [true, false]].map { path.attached(failed: $0) }
        #expect(changes == [true, false, true])
        #expect(Self.served(path) == ["relayed"])
        _ = path.attached(failed: [true])
        #expect(Self.served(path) == ["relayed", "web"])
        #expect(path.warnings(of: Self.generation).count == 2)
    }

    @Test func `a host that wants XDP does not fall`() {
        var path = SocketsPath(mode: .native)
        _ = path.attached(failed: [true])
        #expect(Self.served(path) == ["relayed"])
    }

    @Test func `a host without an interface does not fall`() {
        var path = SocketsPath(mode: .auto)
        _ = path.attached(failed: [])
        #expect(Self.served(path) == ["relayed"])
    }

    @Test func `mode sockets serves all from the start`() {
        #expect(Self.served(SocketsPath(mode: .sockets)) == ["relayed", "web"])
    }
}
