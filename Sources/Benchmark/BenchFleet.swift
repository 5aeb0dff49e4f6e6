// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Model

/// Services with backends that are nowhere, as many as asked for.
enum BenchFleet {
    /// Service `index` of those that are alike: 10.1.0.0 and what follows, port 443.
    static func web(_ index: Int, backends: Int) -> DesiredState.Entry {
        let vip = VIP(address: IPAddress(v4: webAddress + UInt32(index)), port: 443, transport: .tcp)
        return entry("web-\(padded(index))", vip, backends: backends, number: index)
    }

    static func webs(_ count: Int, backends: Int) -> [DesiredState.Entry] {
        (0..<count).map { web($0, backends: backends) }
    }

    /// - Parameters:
    ///   - number: no two services with the same share a backend's address.
    ///   - batch: backends of another batch are others.
    static func entry(
        _ name: String, _ vip: VIP, forwarding: Forwarding = .ipip, backends: Int, number: Int, batch: Int = 0,
        deny: [IPPrefix] = []
    ) -> DesiredState.Entry {
        let members = (0..<backends).map { index in
            let host = UInt64(number) << 8 | UInt64(index + 1)
            let address =
                vip.address.isIPv4
                ? IPAddress(v4: backendAddress + UInt32(batch) << 20 + UInt32(host))
                : IPAddress(high: 0x2001_0db8_0002_0000, low: UInt64(batch) << 20 + host)
            return Backend(name: "b\(batch)-\(padded(index))", address: address, port: vip.port)
        }
        return DesiredState.Entry(
            service: VirtualService(name: name, vip: vip, forwarding: forwarding, deny: deny), backends: members)
    }

    /// Every backend behind one router, who is the wire's far end.
    static func view(_ generation: Generation, _ wire: Wire) -> HostView {
        let hop = NextHop(interface: wire.near, destination: wire.far.address, mtu: wire.near.mtu)
        let addresses = generation.services.flatMap { $0.backends.map(\.backend.address) }
        return HostView(interfaces: [wire.near], nextHops: Dictionary(addresses.map { ($0, hop) }) { one, _ in one })
    }

    /// 10.1.0.0, 10.16.0.0.
    private static let webAddress: UInt32 = 0x0a01_0000
    private static let backendAddress: UInt32 = 0x0a10_0000

    private static func padded(_ number: Int) -> String {
        let digits = "\(number)"
        return String(repeating: "0", count: max(0, 3 - digits.count)) + digits
    }
}
