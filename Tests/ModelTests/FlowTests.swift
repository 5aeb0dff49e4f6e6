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
        let flow = Flow(client: client, clientPort: 0x1234, service: service, seed: 99)
        #expect(flow.hash == flow_hash(address, port, vip, seed))
        #expect(flow.slot(in: .large) == Int(slot_of(flow.hash, 65537)))
        #expect(flow.fingerprint == UInt32(truncatingIfNeeded: flow.hash))
    }

    @Test func `with source-ip the ports do not matter`() throws {
        var service = service
        service.service.flowKey = .sourceIP
        let client = try #require(IPAddress("2001:db8::7"))
        let one = Flow(client: client, clientPort: 1, service: service, seed: 7)
        #expect(one == Flow(client: client, clientPort: 2, service: service, seed: 7))
        #expect(one == Flow(client: client, clientPort: 0, vipPort: 0, key: .fiveTuple, seed: service.flowSeed(of: 7)))
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
