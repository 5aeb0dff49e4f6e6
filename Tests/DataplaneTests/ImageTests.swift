// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model
import Testing

@testable import Dataplane

@Suite struct ImageTests {
    private func sum(_ words: [UInt16]) -> UInt16 {
        var sum = words.reduce(UInt32(0)) { $0 + UInt32($1) }
        while sum > 0xffff { sum = sum >> 16 + sum & 0xffff }
        return UInt16(sum)
    }

    @Test func `a template of IPIP has addresses, next hop and the sum of its header`() throws {
        var fleet = Fleet()
        let generation = try fleet.next(["web 10.9.9.9:80/tcp -> a @10.3.0.22"])
        let template = try #require(try Host.image(generation).services[0].backends.first).template
        #expect(template.forward == UInt8(FORWARD_IPIP4.rawValue))
        #expect(template.flags == UInt8(BACKEND_ACTIVE.rawValue))
        #expect(IPAddress(template.destination).description == "10.3.0.22")
        #expect(IPAddress(template.source).description == "172.16.0.0")
        #expect(template.source_mask.bigEndian == 0x0000_ffff)
        #expect(MACAddress(template.destination_mac) == MACAddress(bits: 0x0200_0000_0301))
        #expect(MACAddress(template.source_mac) == Host.eth0.address)
        #expect(template.mtu == 1500 && template.port == 0 && template.vlan == 0)
        // Version and length, DF, TTL and protocol, 172.16.0.0, 10.3.0.22.
        let wanted = sum([0x4500, 0x4000, 0x4004, 0xac10, 0x0000, 0x0a03, 0x0016])
        #expect(UInt16(template.checksum).bigEndian == wanted)
    }

    @Test(
        "forwarding and families choose the template",
        arguments: [
            (Forwarding.ipip, "10.9.9.9:80/tcp", FORWARD_IPIP4), (.ipip, "[2001:db8::9]:80/tcp", FORWARD_IPIP6),
            (.gue, "10.9.9.9:80/tcp", FORWARD_GUE4), (.gue, "[2001:db8::9]:80/tcp", FORWARD_GUE6),
            (.l2, "10.9.9.9:80/tcp", FORWARD_L2), (.local, "10.9.9.9:80/tcp", FORWARD_LOCAL),
        ])
    func forwarding(kind: Forwarding, vip: String, wanted: forward) throws {
        var fleet = Fleet()
        fleet.adjust = { $0.forwarding = kind }
        let image = try Host.image(try fleet.next(["web \(vip) -> a"]))
        #expect(UInt32(image.services[0].backends[0].template.forward) == wanted.rawValue)
    }

    @Test func `IPv6 in IPv4 by IPIP is refused in one line`() throws {
        let service = VirtualService(name: "web", vip: try #require(VIP("[2001:db8::9]:80/tcp")))
        let backend = Backend(name: "a", address: try #require(IPAddress("10.0.0.1")), port: 80)
        let placed = PlacedService(
            id: ServiceID(rawValue: 1), table: 0, service: service,
            backends: [PlacedBackend(id: BackendID(rawValue: 1), backend: backend)])
        let generation = Generation(epoch: 1, number: 1, seed: 7, services: [placed])
        let error = #expect(throws: ImageError.self) { try Host.image(generation) }
        #expect(error?.description.contains("service web: backend a is IPv4") == true)
    }

    @Test func `a backend without a next hop says so`() throws {
        var fleet = Fleet()
        let generation = try fleet.next(["web 10.9.9.9:80/tcp -> a"])
        let image = try MapImage.image(of: generation, on: HostView(interfaces: [Host.eth0]))
        #expect(image.services[0].backends[0].template.has(BACKEND_NO_NEXT_HOP))
    }

    @Test func `with two interfaces packets leave by a port of the device map, which stays the same`() throws {
        var fleet = Fleet()
        let generation = try fleet.next(["web 10.9.9.9:80/tcp -> a"])
        let view = Host.view(generation, interfaces: [Host.eth0, Host.eth1])
        let held = PortAssignment(interfaces: [3: Host.eth0.index], limit: 64)
        let image = try MapImage.image(of: generation, on: view, ports: held)
        #expect(image.services[0].backends[0].template.port == 4)
        #expect(image.ports.interfaces == [3: Host.eth0.index])
        #expect(try Features.needed(by: generation, on: view, kernel: .probe()).contains(.redirect))
    }

    @Test func `each address of a VIP has an entry for ICMP, of the lowest service there`() throws {
        var fleet = Fleet()
        let generation = try fleet.next([
            "web 10.9.9.9:80/tcp -> a", "dns 10.9.9.9:53/udp -> b", "api 10.9.9.8:any/tcp -> c",
        ])
        let icmp = try Host.image(generation).half.entries.filter { $0.protocol == UInt8(PROTOCOL_ICMP.rawValue) }
        #expect(icmp.map { IPAddress($0.address).description } == ["10.9.9.8", "10.9.9.9"])
        let lowest = generation.services.filter { $0.service.vip.address.description == "10.9.9.9" }.map(\.id.rawValue)
            .min()
        #expect(icmp.last?.service == lowest)
    }

    @Test func `512 VIPs of as many addresses find a seed, and all are found by it`() throws {
        var fleet = Fleet()
        let services = (0..<512).map { "s\($0) 10.\($0 / 256).\($0 % 256).1:443/tcp -> a" }
        fleet.adjust = { $0.tableSize = .small }
        let image = try Host.image(try fleet.next(services))
        #expect(image.half.entries.count == 1024)
        let lines = image.half.lines()
        for entry in image.half.entries {
            let line = lines[entry.line(seed: image.half.seed)]
            #expect(sameBytes(line.entries.0, entry) || sameBytes(line.entries.1, entry))
        }
    }

    @Test func `the fleet's part is the same whatever the host, and another after a change`() throws {
        var fleet = Fleet()
        let one = try FleetPart(of: try fleet.next(["web 10.9.9.9:80/tcp -> a, b", "dns [2001:db8::1]:53/udp -> d"]))
        var again = Fleet()
        let two = try FleetPart(of: try again.next(["dns [2001:db8::1]:53/udp -> d", "web 10.9.9.9:80/tcp -> b, a"]))
        #expect(one.bytes == two.bytes)
        let three = try FleetPart(
            of: try fleet.next(["web 10.9.9.9:80/tcp -> a, b w2", "dns [2001:db8::1]:53/udp -> d"]))
        #expect(one.bytes != three.bytes)
    }

    @Test func `services that sockets serve are not in the image`() throws {
        var fleet = Fleet()
        fleet.adjust = { if $0.name == "web" { $0.forwarding = .sockets } }
        let image = try Host.image(try fleet.next(["web 10.9.9.9:80/tcp -> a", "dns 10.9.9.8:53/udp -> d"]))
        #expect(image.services.map(\.name) == ["dns"])
        #expect(image.half.entries.count == 2)
    }

    @Test func `a service without change is the same object in the next image, its table with it`() throws {
        var fleet = Fleet()
        let first = try Host.image(try fleet.next(["web 10.9.9.9:80/tcp -> a, b", "dns 10.9.9.8:53/udp -> d"]))
        let generation = try fleet.next(["web 10.9.9.9:80/tcp -> a, b, c", "dns 10.9.9.8:53/udp -> d"])
        // The new backend's next hop is new to the host, so templates are made again, tables are not.
        let second = try Host.image(generation, after: first)
        let third = try Host.image(generation, after: second)
        #expect(third.unchanged(since: second).count == 2)
        #expect(second.services.map(\.current).count == 2)
    }
}

@Suite struct VerifyTests {
    @Test func `differences name slots, what they hold and what they should hold`() throws {
        var fleet = Fleet()
        let before = try fleet.next(["web 10.9.9.9:80/tcp -> web1, web4"])
        _ = try fleet.next(["web 10.9.9.9:80/tcp -> web1"])
        fleet.time += 100_000
        let generation = try fleet.next(["web 10.9.9.9:80/tcp -> web1"])
        let image = try Host.image(generation)
        let maps = MemoryMaps()
        try maps.apply(image)
        #expect(maps.differences(from: image) == [])
        let removed = try #require(before.id("web", "web4"))
        for slot in [40, 3000] {
            let place = image.services[0].place.lines.lowerBound * Int(SLOTS_PER_LINE) + slot
            maps.memory.slots[place] = SlotWord(settled: removed.rawValue).rawValue
        }
        let id = try #require(generation.id("web", "web1"))
        #expect(
            maps.differences(from: image) == [
                "web: 2 of 4099 slots differ: 40, 3000 hold id \(removed.rawValue) (web4, removed), "
                    + "should hold id \(id.rawValue) (web1)"
            ])
        maps.memory.control.pointee.active = 1 - maps.memory.control.pointee.active
        #expect(maps.differences(from: image).first == "10.9.9.9:80/tcp: not in force, should be web's")
    }
}
