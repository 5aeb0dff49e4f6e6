// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model
import Testing

@Suite struct FlowTests {
    let service: PlacedService

    init() throws {
        let entry = try desired("10.0.0.1:443/tcp -> a, b, c")
        var fleet = Fleet(entries: [entry])
        try fleet.step(at: 0)
        service = try fleet.service()
    }

    @Test func `a flow's hash is the kernel's function of the packet's bytes`() throws {
        let client = try #require(IPAddress("198.51.100.7"))
        var address = CDataplane.address()
        address.bytes = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100, 7)
        // As the two bytes of a port lie in the header, read as a number of this machine.
        let port = [UInt8]([0x12, 0x34]).withUnsafeBytes { $0.loadUnaligned(as: UInt16.self) }
        let vip = [UInt8]([0x01, 0xbb]).withUnsafeBytes { $0.loadUnaligned(as: UInt16.self) }
        let seed = service.flowSeed(of: 99)
        let flow = Flow(client: client, clientPort: 0x1234, vipPort: 443, service: service, seed: 99)
        #expect(flow.hash == flow_hash(address, port, vip, seed))
        #expect(flow.slot(in: .large) == Int(slot_of(flow.hash, 65537)))
        #expect(flow.fingerprint == UInt32(truncatingIfNeeded: flow.hash))
    }

    @Test func `with source-ip the ports choose no slot`() throws {
        var service = service
        service.service.flowKey = .sourceIP
        let client = try #require(IPAddress("2001:db8::7"))
        let one = Flow(client: client, clientPort: 1, vipPort: 443, service: service, seed: 7)
        let other = Flow(client: client, clientPort: 2, vipPort: 443, service: service, seed: 7)
        let bare = Flow(client: client, clientPort: 0, vipPort: 0, key: .fiveTuple, seed: service.flowSeed(of: 7))
        #expect(one.slot(in: .large) == other.slot(in: .large))
        #expect(one.slot(in: .large) == bare.slot(in: .large))
    }

    @Test func `with any port the VIP's port chooses no slot, the client's does`() throws {
        var service = service
        service.service.vip = VIP(address: service.service.vip.address, port: 0, transport: .tcp)
        let client = try #require(IPAddress("198.51.100.7"))
        let one = Flow(client: client, clientPort: 1, vipPort: 443, service: service, seed: 7)
        let other = Flow(client: client, clientPort: 1, vipPort: 80, service: service, seed: 7)
        let bare = Flow(client: client, clientPort: 1, vipPort: 0, key: .fiveTuple, seed: service.flowSeed(of: 7))
        #expect(one.slot(in: .large) == other.slot(in: .large))
        #expect(one.slot(in: .large) == bare.slot(in: .large))
        #expect(
            one.slot(in: .large)
                != Flow(client: client, clientPort: 2, vipPort: 443, service: service, seed: 7).slot(in: .large))
    }

    @Test(arguments: [FlowKey.fiveTuple, .sourceIP])
    func `whatever chooses the slot, a flow's record is that of its 5-tuple`(key: FlowKey) throws {
        let client = try #require(IPAddress("198.51.100.7"))
        let plain = Flow(client: client, clientPort: 1, vipPort: 443, key: .fiveTuple, seed: 7)
        for isAnyPort in [false, true] {
            let flow = Flow(client: client, clientPort: 1, vipPort: 443, isAnyPort: isAnyPort, key: key, seed: 7)
            #expect(flow.recordLines.home == plain.recordLines.home)
            #expect(flow.fingerprint == plain.fingerprint)
        }
    }

    @Test func `flows spread evenly over the slots`() {
        let seed = service.flowSeed(of: 1)
        var lines = [Int](repeating: 0, count: 64)
        for client in 0..<64_000 {
            let address = IPAddress(v4: 0x0a00_0000 | UInt32(client / 16))
            let flow = Flow(
                client: address, clientPort: UInt16(32768 + client % 16), vipPort: 443, key: .fiveTuple, seed: seed)
            lines[flow.slot(in: .medium) * 64 / 16381] += 1
        }
        // Six standard deviations of a bucket that expects 1,000.
        #expect(lines.allSatisfy { abs($0 - 1000) < 190 })
    }

    @Test(arguments: 0..<64) func `clients whose two halves differ in one bit each hash differently`(bit: Int) {
        // Were the first half only multiplied, its highest bit would cancel the second's for every seed.
        var equal = 0
        for seed: UInt64 in 1...256 {
            let flows = [UInt64(0), 1 << UInt64(bit)].map { difference in
                let (high, low) = (0x2001_0db8_0000_0001 ^ difference.byteSwapped, 1 ^ difference.byteSwapped)
                let client = IPAddress(high: high, low: low)
                return Flow(client: client, clientPort: 1, vipPort: 443, key: .fiveTuple, seed: mix(seed)).hash
            }
            if flows[0] == flows[1] { equal += 1 }
        }
        #expect(equal == 0)
    }

    @Test func `the flow seed follows the service's name and the generation's seed alone`() throws {
        var other = service
        other.service.vip = try #require(VIP("10.9.9.9:80/tcp"))
        #expect(other.flowSeed(of: 5) == service.flowSeed(of: 5))
        #expect(service.flowSeed(of: 6) != service.flowSeed(of: 5))
        other.service.name = "wed"
        #expect(other.flowSeed(of: 5) != service.flowSeed(of: 5))
        // Golden: another value is a remap of all flows.
        #expect(service.flowSeed(of: 5) == 0x1773_5e1b_a9d0_ee5f)
    }
}
