// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model
import Testing

@testable import Dataplane

/// What was one service's, backend's or interface's and becomes another's; and records that time brings back.
@Suite struct ReuseTests {
    private static let web = "web 10.9.9.9:80/tcp -> a, b"
    private static let dns = "dns 10.9.9.9:53/udp -> d"

    private func count(_ packets: UInt64, of service: UInt16, _ maps: MemoryMaps) {
        for cpu in 0..<MemoryMaps.cpus { place(cpu, service, maps).pointee.packets = packets }
    }

    private func place(_ cpu: Int, _ service: UInt16, _ maps: MemoryMaps) -> UnsafeMutablePointer<counter> {
        maps.memory.serviceCounters + (cpu * Int(SERVICE_IDS) + Int(service)) * Int(REASON_SLOTS) + 3
    }

    @Test func `a service that goes takes its counters with it, others keep theirs`() throws {
        var fleet = Fleet()
        let before = try Host.image(try fleet.next([Self.web, Self.dns]))
        let after = try Host.image(try fleet.next([Self.dns]))
        let ids = Dictionary(uniqueKeysWithValues: before.services.map { ($0.name, $0.id) })
        let (web, dns) = (try #require(ids["web"]), try #require(ids["dns"]))
        let maps = MemoryMaps()
        try maps.apply(before)
        count(7, of: web, maps)
        count(9, of: dns, maps)
        try maps.apply(after)
        for cpu in 0..<MemoryMaps.cpus {
            #expect(place(cpu, web, maps).pointee.packets == 0 && place(cpu, dns, maps).pointee.packets == 9)
        }
    }

    @Test func `on a host that skipped generations a reused id counts from zero`() throws {
        var (one, other) = (Fleet(), Fleet())
        let before = try Host.image(try one.next([Self.web]))
        let after = try Host.image(try other.next(["api 10.9.9.8:80/tcp -> x"]))
        let id = try #require(before.services.first).id
        #expect(after.services.first?.id == id)
        for cut in 0... {
            let maps = MemoryMaps()
            try maps.apply(before)
            count(7, of: id, maps)
            let steps = try maps.apply(after, steps: cut)
            try maps.apply(after)
            #expect(place(0, id, maps).pointee.packets == 0, "cut after \(cut)")
            if cut > steps { break }
        }
    }

    @Test func `a backend that goes takes its counter with it`() throws {
        var fleet = Fleet()
        let before = try fleet.next([Self.web])
        let gone = try #require(before.id("web", "b"))
        let maps = MemoryMaps()
        try maps.apply(try Host.image(before))
        maps.memory.backendCounters[Int(BACKEND_IDS) + Int(gone.rawValue)].packets = 5
        _ = try fleet.next(["web 10.9.9.9:80/tcp -> a"])
        fleet.time += 100_000
        try maps.apply(try Host.image(try fleet.next(["web 10.9.9.9:80/tcp -> a"])))
        #expect(maps.memory.backendCounters[Int(BACKEND_IDS) + Int(gone.rawValue)].packets == 0)
    }

    @Test func `a longer flow-idle brings no void record back`() throws {
        var fleet = Fleet()
        fleet.adjust = { $0.flowIdle = .seconds(600) }
        let before = try fleet.next([Self.web])
        fleet.adjust = { $0.flowIdle = .seconds(7200) }
        let after = try Host.image(try fleet.next([Self.web]))
        let backend = UInt64(try #require(before.id("web", "a")).rawValue) << UInt64(RECORD_BACKEND_SHIFT)
        func record(at time: UInt64) -> UInt64 {
            backend | 77 | (time >> UInt64(RECORD_AGE_UNIT_SHIFT)) << UInt64(RECORD_AGE_SHIFT)
        }
        let maps = MemoryMaps()
        try maps.apply(try Host.image(before), now: 10_000)
        maps.memory.records[8] = record(at: 9000)  // void for 400 seconds
        maps.memory.records[9] = record(at: 9800)
        try maps.apply(after, now: 10_000) { step in
            guard case .setPolicies = step else { return }
            #expect(maps.memory.records[8] == 0, "before the longer time is in force")
        }
        #expect(maps.memory.records[8] == 0 && maps.memory.records[9] == record(at: 9800))
    }

    @Test func `the records are not read for a service that is new`() throws {
        var fleet = Fleet()
        let maps = MemoryMaps()
        try maps.apply(try Host.image(try fleet.next([Self.web])))
        let plan = Plan.plan(
            from: maps.memory.observe(for: try Host.image(try fleet.next([Self.web, Self.dns]))),
            to: try Host.image(try fleet.next([Self.web, Self.dns])), now: 1000)
        #expect(!plan.steps.contains { $0.name == "sweepExpired" })
    }

    @Test func `a key of the device map is not given to another interface while backends may name it`() throws {
        func interface(_ index: UInt32) -> NetworkInterface {
            NetworkInterface(
                index: index, name: "eth\(index)", address: MACAddress(bits: UInt64(index)), mtu: 1500, isVirtual: false
            )
        }
        var fleet = Fleet()
        let generation = try fleet.next([Self.web])
        func view(leaving: UInt32) -> HostView {
            var view = Host.view(generation)
            let hop = NextHop(interface: interface(leaving), destination: MACAddress(bits: 0x0200_0000_0301), mtu: 1500)
            view.nextHops = view.nextHops.mapValues { _ in hop }
            return view
        }
        let one = PortAssignment(limit: 1)
        let before = try MapImage.image(of: generation, on: view(leaving: 6), ports: one)
        let after = try MapImage.image(of: generation, on: view(leaving: 7), after: before)
        let later = try MapImage.image(of: generation, on: view(leaving: 7), after: after)
        #expect(before.ports.interfaces == [0: 6] && before.interfacesWithoutPort == [])
        #expect(after.ports.interfaces == [:] && after.interfacesWithoutPort == [7])
        #expect(later.ports.interfaces == [0: 7] && later.interfacesWithoutPort == [])
        let maps = MemoryMaps()
        for image in [before, after, later] {
            try maps.apply(image) { _ in
                let ports = Set((0..<Int(BACKEND_IDS)).map { maps.memory.backends[$0].port })
                #expect(!ports.contains(1) || maps.ports[0] == (image.ports.interfaces[0] ?? 6))
            }
        }
    }
}
