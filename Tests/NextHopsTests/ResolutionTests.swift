// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Model
import Testing

@testable import NextHops

/// The resolution as a dialogue: what the kernel said goes in, next hops and reasons come out.
struct ResolutionTests {
    private let backend = IPAddress(v4: 0x0a00_0105)
    private let gateway = IPAddress(v4: 0x0a00_0001)
    private let mac = MACAddress(bits: 0x0200_0000_0001)

    private func at(_ seconds: Int64) -> MonotonicInstant { MonotonicInstant(nanoseconds: seconds * 1_000_000_000) }

    private func link(_ index: UInt32, _ name: String, kind: String? = nil, mtu: UInt16 = 1500) -> NetworkLink {
        NetworkLink(
            interface: NetworkInterface(
                index: index, name: name, address: MACAddress(bits: UInt64(index)), mtu: mtu, isVirtual: kind != nil),
            isUp: true, hasCarrier: true, isEthernet: true, isLoopback: false, kind: kind, receiveQueues: 1,
            transmitQueues: 1)
    }

    private func neighbour(_ state: UInt16, _ mac: MACAddress?, link: UInt32 = 2) -> Neighbour {
        Neighbour(key: NeighbourKey(link: link, address: gateway), state: state, mac: mac)
    }

    /// The backend behind the gateway on `eth0`, nothing known of the gateway.
    private func routed(mtu: UInt32? = nil) -> Resolution {
        var state = Resolution()
        state.want([backend])
        state.replace(links: [link(2, "eth0")])
        state.answer(.unicast(link: 2, gateway: gateway, mtu: mtu), for: backend)
        return state
    }

    private static let reachable: UInt16 = 0x02
    private static let stale: UInt16 = 0x04
    private static let probing: UInt16 = 0x10
    private static let failed: UInt16 = 0x20
    private static let incomplete: UInt16 = 0x01

    @Test func `a neighbour that nobody has heard of is looked for`() {
        var state = routed()
        let outcome = state.outcome(at: at(0))
        #expect(outcome.missing == [backend: .noNeighbour(gateway, interface: "eth0")])
        #expect(outcome.unknown == [NeighbourKey(link: 2, address: gateway)])
        #expect(outcome.hops.isEmpty)
    }

    @Test(arguments: [reachable, stale, probing])
    func `a neighbour that is known, stale or not, serves`(neighbourState: UInt16) {
        var state = routed()
        state.appear(neighbour(neighbourState, mac), at: at(0))
        let outcome = state.outcome(at: at(0))
        #expect(
            outcome.hops == [backend: NextHop(interface: link(2, "eth0").interface, destination: mac, mtu: 1500)])
        #expect(outcome.unknown.isEmpty && outcome.missing.isEmpty && outcome.reconsider == nil)
    }

    @Test(arguments: [failed, incomplete])
    func `a neighbour that is lost serves five seconds longer`(neighbourState: UInt16) {
        var state = routed()
        state.appear(neighbour(Self.reachable, mac), at: at(0))
        state.appear(neighbour(neighbourState, nil), at: at(10))
        let soon = state.outcome(at: at(14))
        #expect(soon.hops[backend]?.destination == mac)
        #expect(soon.unknown.count == 1)
        #expect(soon.reconsider == at(15))
        state.appear(neighbour(Self.incomplete, nil), at: at(14))
        let later = state.outcome(at: at(15))
        #expect(later.missing == [backend: .noNeighbour(gateway, interface: "eth0")])
    }

    @Test func `a neighbour that comes back in time was never away`() {
        var state = routed()
        state.appear(neighbour(Self.reachable, mac), at: at(0))
        state.lose(NeighbourKey(link: 2, address: gateway), at: at(10))
        let changed = state.appear(neighbour(Self.reachable, mac), at: at(12))
        #expect(changed)
        #expect(state.outcome(at: at(60)).hops.count == 1)
    }

    @Test func `a full list in which a neighbour is missing loses it`() {
        var state = routed()
        state.appear(neighbour(Self.reachable, mac), at: at(0))
        state.replace(neighbours: [], at: at(10))
        #expect(state.outcome(at: at(11)).hops.count == 1)
        #expect(state.outcome(at: at(15)).hops.isEmpty)
    }

    @Test func `a VLAN device stands on its parent and names its tag`() {
        var state = routed()
        var vlan = link(9, "eth0.42", kind: "vlan", mtu: 1496)
        vlan.parent = 2
        vlan.vlan = 42
        state.replace(links: [link(2, "eth0"), vlan])
        state.answer(.unicast(link: 9, gateway: gateway, mtu: nil), for: backend)
        state.appear(neighbour(Self.reachable, mac, link: 9), at: at(0))
        let hop = state.outcome(at: at(0)).hops[backend]
        #expect(hop?.interface.name == "eth0" && hop?.vlan == 42 && hop?.mtu == 1496)
    }

    @Test func `a VLAN on a VLAN is refused by name`() {
        var state = routed()
        var inner = link(9, "eth0.42", kind: "vlan")
        inner.parent = 2
        inner.vlan = 42
        var outer = link(10, "eth0.42.7", kind: "vlan")
        outer.parent = 9
        outer.vlan = 7
        state.replace(links: [link(2, "eth0"), inner, outer])
        state.answer(.unicast(link: 10, gateway: gateway, mtu: nil), for: backend)
        #expect(state.outcome(at: at(0)).missing == [backend: .notEthernet(interface: "eth0.42.7")])
    }

    @Test(arguments: [(UInt32(1400), UInt16(1400)), (9000, 1500), (100_000, 1500)])
    func `the path's MTU is the smaller of route and interface`(route: UInt32, expected: UInt16) {
        var state = routed(mtu: route)
        state.appear(neighbour(Self.reachable, mac), at: at(0))
        #expect(state.outcome(at: at(0)).hops[backend]?.mtu == expected)
    }

    @Test func `an interface that is down or gone gives no next hop`() {
        var state = routed()
        state.appear(neighbour(Self.reachable, mac), at: at(0))
        var down = link(2, "eth0")
        down.hasCarrier = false
        state.replace(links: [down])
        #expect(state.outcome(at: at(0)).missing == [backend: .linkDown(interface: "eth0")])
        state.replace(links: [])
        #expect(state.outcome(at: at(0)).missing == [backend: .noRoute])
    }

    @Test func `what is no longer wanted is forgotten, and what is new is asked for`() {
        var state = routed()
        let other = IPAddress(v4: 0x0a00_0106)
        state.want([backend, other])
        #expect(state.unasked == [other])
        state.want([other])
        state.answer(.refused(.local), for: backend)
        #expect(state.outcome(at: at(0)).missing.keys.sorted() == [other])
    }

    @Test func `a changed route concerns the addresses in its prefix`() throws {
        let state = routed()
        #expect(state.affected(by: try #require(IPPrefix(gateway, length: 16))) == [backend])
        #expect(state.affected(by: try #require(IPPrefix(gateway, length: 32))).isEmpty)
    }
}
