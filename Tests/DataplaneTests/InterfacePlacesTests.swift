// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@testable import Dataplane

@Suite struct InterfacePlacesTests {
    private func interface(_ name: String, _ index: UInt32) -> NetworkInterface {
        NetworkInterface(
            index: index, name: name, address: MACAddress(bits: 0x0200_0000_0005), mtu: 1500, isVirtual: false)
    }

    @Test func `of two interfaces with one place the first named is kept, and the other told of`() {
        let host = HostView(interfaces: [interface("eth0", 2), interface("eth5", 66), interface("eth1", 3)])
        let (view, left) = host.withoutClashes(keeping: [])
        #expect(view.interfaces.map(\.name) == ["eth0", "eth1"])
        #expect(left.map(\.interface) == ["eth5"] && left.map(\.change) == [.failed])
        #expect(
            left.first?.error
                == "interface eth5 is left out: its index 66 and eth0's, 2, are equal modulo 64, and the program has one "
                + "place for both")
    }

    @Test func `the one that has its place in the kernel keeps it`() {
        let host = HostView(interfaces: [interface("eth0", 2), interface("eth5", 66)])
        let (view, left) = host.withoutClashes(keeping: [66])
        #expect(view.interfaces.map(\.name) == ["eth5"] && left.map(\.interface) == ["eth0"])
    }
}
