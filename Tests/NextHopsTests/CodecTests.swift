// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Model
import Testing

@testable import NextHops

#if _endian(little)
    struct CapturedMessageTests {
        private func message(_ text: String) throws -> NetlinkMessage {
            let messages = try NetlinkMessage.messages(in: Captured.bytes(text))
            #expect(messages.count == 1)
            return try #require(messages.first)
        }

        @Test func `a veth is read with its address, MTU, kind and queues`() throws {
            let link = try NetworkLink(netlink: try message(Captured.veth).body)
            #expect(link.interface.index == 2)
            #expect(link.interface.name == "v0")
            #expect(link.interface.mtu == 1500)
            #expect(link.interface.address == MACAddress(bits: 0xeeae_0602_aa47))
            #expect(link.isUp && link.hasCarrier && link.isEthernet && !link.isLoopback)
            #expect(link.kind == "veth" && link.interface.isVirtual)
            #expect(link.receiveQueues == 2 && link.transmitQueues == 2)
            #expect(link.mtuRange == 68...65535)
            #expect(link.program == nil)
        }

        @Test func `the other end of a veth in another namespace is no parent`() throws {
            #expect(try NetworkLink(netlink: try message(Captured.veth).body).parent == nil)
        }

        @Test func `a neighbour is read with its state and Ethernet address`() throws {
            let neighbour = try Neighbour(netlink: try message(Captured.neighbour).body)
            #expect(neighbour?.key == NeighbourKey(link: 2, address: IPAddress(v4: 0x0a09_0002)))
            #expect(neighbour?.usable == MACAddress(bits: 0x0200_0000_0002))
        }

        @Test func `a lookup answers interface, gateway and the route's MTU`() throws {
            let answer = try RouteAnswer(netlink: try message(Captured.route).body)
            #expect(answer == .unicast(link: 2, gateway: IPAddress(v4: 0x0a09_0002), mtu: 1400))
        }

        @Test func `a lookup without a route answers its errno`() throws {
            let failure = try #require(try message(Captured.noRoute).failure)
            #expect(failure == ENETUNREACH)
            #expect(RouteAnswer(errno: failure) == .refused(.noRoute))
        }

        @Test func `a message that is cut anywhere is refused or read without what is missing`() throws {
            for text in [Captured.veth, Captured.neighbour, Captured.route] {
                let whole = Captured.bytes(text)
                for length in 1..<whole.count {
                    #expect(throws: NetlinkParseError.self) {
                        try NetlinkMessage.messages(in: Array(whole.prefix(length)))
                    }
                    let body = whole[16..<max(16, length)]
                    // Any answer will do, as long as there is one.
                    _ = Result { try NetworkLink(netlink: body) }
                    _ = Result { try Neighbour(netlink: body) }
                    _ = Result { try RouteAnswer(netlink: body) }
                    _ = Result { try changedPrefix(netlink: body) }
                }
            }
        }
    }
#endif

struct NetlinkCodecTests {
    private func body(_ fixed: [UInt8], _ build: (inout [UInt8]) -> Void) -> ArraySlice<UInt8> {
        var bytes = fixed
        build(&bytes)
        return bytes[...]
    }

    /// struct ifinfomsg of an Ethernet interface that is up.
    private func linkHeader(_ index: Int32) -> [UInt8] {
        var bytes: [UInt8] = [0, 0]
        bytes.append(number: UInt16(ARPHRD_ETHER))
        bytes.append(number: index)
        bytes.append(number: UInt32(IFF_UP) | 1 << 16)
        bytes.append(number: UInt32(0))
        return bytes
    }

    private func number(_ value: some FixedWidthInteger) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(number: value)
        return bytes
    }

    @Test func `a VLAN device is read with its identifier and parent`() throws {
        let link = try NetworkLink(
            netlink: body(linkHeader(9)) {
                $0.append(attribute: IFLA_IFNAME, Array("eth0.42".utf8) + [0])
                $0.append(attribute: IFLA_LINK, number(UInt32(2)))
                var data: [UInt8] = []
                data.append(attribute: IFLA_VLAN_ID, number(UInt16(42)))
                var details: [UInt8] = []
                details.append(attribute: IFLA_INFO_KIND, Array("vlan".utf8) + [0])
                details.append(attribute: IFLA_INFO_DATA, data)
                $0.append(attribute: IFLA_LINKINFO, details)
            })
        #expect(link.interface.name == "eth0.42")
        #expect(link.kind == "vlan" && link.vlan == 42 && link.parent == 2)
    }

    @Test func `a bond's member is read with its master, and the program on it with its mode`() throws {
        let link = try NetworkLink(
            netlink: body(linkHeader(3)) {
                $0.append(attribute: IFLA_MASTER, number(UInt32(7)))
                var program: [UInt8] = []
                program.append(attribute: IFLA_XDP_ATTACHED, [1])
                program.append(attribute: IFLA_XDP_PROG_ID, number(UInt32(815)))
                $0.append(attribute: IFLA_XDP, program)
            })
        #expect(link.master == 7)
        #expect(link.program == .init(id: 815, mode: .native))
    }

    @Test func `an attribute longer than its message is refused with its place`() {
        var bytes: [UInt8] = linkHeader(3)
        bytes.append(number: UInt16(400))
        bytes.append(number: UInt16(IFLA_IFNAME))
        #expect(throws: NetlinkParseError(offset: 16, cause: "an attribute that does not fit its message")) {
            try NetworkLink(netlink: bytes[...])
        }
    }

    @Test func `an attribute of length zero ends the reading`() {
        #expect(throws: NetlinkParseError.self) {
            try NetworkLink(netlink: (linkHeader(3) + [0, 0, 0, 0])[...])
        }
    }

    @Test func `a request is read back as it was written`() throws {
        let request = NetlinkRequest.use(NeighbourKey(link: 5, address: IPAddress(high: 0xfe80 << 48, low: 1)))
        let bytes = request.message(sequence: 3).bytes
        let message = try #require(try NetlinkMessage.messages(in: bytes).first)
        #expect(message.type == UInt16(RTM_NEWNEIGH) && message.sequence == 3)
        let neighbour = try #require(try Neighbour(netlink: message.body))
        #expect(neighbour.key == NeighbourKey(link: 5, address: IPAddress(high: 0xfe80 << 48, low: 1)))
        #expect(neighbour.usable == nil)
    }

    @Test func `an IPv4 route by an IPv6 gateway is understood`() throws {
        let gateway = IPAddress(high: 0xfe80 << 48, low: 1)
        var via = number(UInt16(AF_INET6))
        via += gateway.bytes
        let answer = try RouteAnswer(
            netlink: body([UInt8(AF_INET), 32, 0, 0, 0, 0, 0, UInt8(RTN_UNICAST), 0, 0, 0, 0]) {
                $0.append(attribute: RTA_OIF.rawValue, number(UInt32(4)))
                $0.append(attribute: RTA_VIA.rawValue, via)
            })
        #expect(answer == .unicast(link: 4, gateway: gateway, mtu: nil))
    }

    @Test(
        arguments: [
            (RTN_LOCAL, MissingNextHop.local), (RTN_BLACKHOLE, .blackhole), (RTN_PROHIBIT, .blackhole),
            (RTN_UNREACHABLE, .noRoute), (RTN_BROADCAST, .notUnicast), (RTN_MULTICAST, .notUnicast),
        ].map { (UInt8($0.0), $0.1) })
    func `a route that leads nowhere says why`(type: UInt8, reason: MissingNextHop) throws {
        let header: [UInt8] = [UInt8(AF_INET), 32, 0, 0, 0, 0, 0, type, 0, 0, 0, 0]
        #expect(try RouteAnswer(netlink: header[...]) == .refused(reason))
    }

    @Test func `a changed default route concerns every address of its family`() throws {
        let header: [UInt8] = [UInt8(AF_INET), 0, 0, 0, 0, 0, 0, UInt8(RTN_UNICAST), 0, 0, 0, 0]
        let prefix = try changedPrefix(netlink: header[...])
        #expect(prefix?.contains(IPAddress(v4: 0x0102_0304)) == true)
        #expect(prefix?.contains(IPAddress(high: 1, low: 1)) == false)
    }
}
