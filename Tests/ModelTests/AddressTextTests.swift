// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model
import TestSupport
import Testing

@Suite struct AddressTextTests {
    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"), ("::", "::"),
        ("::1", "::1"), ("1::", "1::"), ("2001:DB8::1", "2001:db8::1"), ("2001:0db8:0:0:0:0:0:1", "2001:db8::1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("0:0:1::", "0:0:1::"), ("1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0"), ("1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"),
        ("0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"), ("::ffff:192.0.2.1", "192.0.2.1"), ("::ffff:c000:201", "192.0.2.1"),
        ("64:ff9b::192.0.2.1", "64:ff9b::c000:201"), ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
        ("fe80::1", "fe80::1"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
    ])
    func `an address is written as RFC 5952 has it`(text: String, canonical: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.description == canonical)
        #expect(IPAddress(canonical) == address)
    }

    @Test(arguments: [
        "", " ", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "+1.2.3.4", "1..2.3", "0x1.2.3.4",
        "1.2.3.4/8",
        ":", ":::", "1:", ":1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "::1::", "1:2:3:4:5:6:7:8::",
        "1:2:3:4::5:6:7:8", "12345::", "g::", "::1%eth0", "[::1]", "1:2:3:4:5:6:7:1.2.3.4", "1.2.3.4::", "::1.2.3.4:5",
        "1:2:1.2.3.4::", "::1.2.3", "::01.2.3.4", "١.2.3.4", "1::\u{301}", ":1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:",
    ])
    func `anything else is no address`(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test func `every address reads back as it is written`() throws {
        var random = SplitMix(for: "addresses")
        for round in 0..<2000 {
            var groups = (0..<8).map { _ in UInt64.random(in: 0...0xffff, using: &random) }
            for index in groups.indices where Bool.random(using: &random) { groups[index] = 0 }
            let high = groups[..<4].reduce(0) { $0 << 16 | $1 }
            let low = groups[4...].reduce(0) { $0 << 16 | $1 }
            let address =
                round % 4 == 0 ? IPAddress(v4: UInt32(truncatingIfNeeded: low)) : IPAddress(high: high, low: low)
            #expect(IPAddress(address.description) == address, "seed \(random.seed)")
            #expect(IPAddress(CDataplane.address(address)) == address)
        }
    }

    @Test(arguments: [
        ("10.0.0.0/8", 8, 104), ("0.0.0.0/0", 0, 96), ("192.0.2.1/32", 32, 128), ("::/0", 0, 0),
        ("2001:db8::/32", 32, 32), ("2001:db8::1/128", 128, 128),
    ])
    func `a prefix reads back as it is written`(text: String, length: Int, mapped: Int) throws {
        let prefix = try #require(IPPrefix(text))
        #expect(prefix.description == text)
        #expect(prefix.length == length)
        #expect(prefix.mappedLength == mapped)
    }

    @Test(arguments: [
        "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/08", "10.0.0.0/-1", "/8", "::/129", "::1/64",
        "::ffff:10.0.0.0/8", "::ffff:10.0.0.0/104", "10.0.0.0/8/8", "10.0.0.0/255.0.0.0",
    ])
    func `anything else is no prefix`(text: String) {
        #expect(IPPrefix(text) == nil)
    }

    @Test(arguments: [
        ("10.0.0.1:443/tcp", 443, TransportProtocol.tcp), ("[2001:db8::1]:53/udp", 53, .udp),
        ("10.0.0.1:any/tcp", 0, .tcp),
        ("[::]:65535/udp", 65535, .udp),
    ])
    func `a VIP reads back as it is written`(text: String, port: Int, transport: TransportProtocol) throws {
        let vip = try #require(VIP(text))
        #expect(vip.description == text)
        #expect(Int(vip.port) == port)
        #expect(vip.transport == transport)
    }

    @Test(arguments: [
        "", "10.0.0.1", "10.0.0.1:443", "10.0.0.1/tcp", "10.0.0.1:0/tcp", "10.0.0.1:65536/tcp", "10.0.0.1:0443/tcp",
        "10.0.0.1:443/sctp", "10.0.0.1:443/TCP", "2001:db8::1:53/udp", "[10.0.0.1]:443/tcp", "[2001:db8::1]/udp",
        "10.0.0.1:+1/tcp", "[:1/tcp", "10.0.0.1:443/tcp/", "[]:1/tcp", "10.0.0.1:/tcp", "[::1]x:1/tcp",
    ])
    func `anything else is no VIP`(text: String) {
        #expect(VIP(text) == nil)
    }

    @Test func `a MAC address reads back as it is written, and goes to the kernel in the order of the wire`() throws {
        let address = try #require(MACAddress("02:00:5E:10:00:ff"))
        #expect(address.description == "02:00:5e:10:00:ff")
        #expect(address.bits == 0x0200_5e10_00ff)
        let mac = CDataplane.mac(address)
        #expect(mac.bytes.0 == 0x02 && mac.bytes.2 == 0x5e && mac.bytes.5 == 0xff)
        #expect(MACAddress(mac) == address)
        for text in [
            "", "02:00:5e:10:00", "02:00:5e:10:00:ff:1", "2:00:5e:10:00:ff", "02-00-5e-10-00-ff", "0g:0:0:0:0:0",
        ] {
            #expect(MACAddress(text) == nil)
        }
    }

    @Test func `an address goes to the kernel in the order of the wire`() throws {
        let four = CDataplane.address(try #require(IPAddress("192.0.2.1")))
        #expect(four.bytes.10 == 0xff && four.bytes.11 == 0xff && four.bytes.12 == 192 && four.bytes.15 == 1)
        #expect(four.halves.0 == 0)
        let six = CDataplane.address(try #require(IPAddress("2001:db8::42")))
        #expect(six.bytes.0 == 0x20 && six.bytes.1 == 0x01 && six.bytes.2 == 0x0d && six.bytes.15 == 0x42)
    }
}
