// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import Model

@testable import Dataplane

/// The services that the packets of these tests are for, in two generations: the second moves slots of some.
enum Fleet {
    static let seed: UInt64 = 0x5eed_0fae_1ee7_0001

    static let edge = NetworkInterface(
        index: 1, name: "edge", address: MACAddress(bits: 0x0200_0000_0001), mtu: 9000, isVirtual: false)
    /// Attached, too, where redirects are tried; no frame comes in by it.
    static let second = NetworkInterface(
        index: 2, name: "second", address: MACAddress(bits: 0x0200_0000_0003), mtu: 9000, isVirtual: false)

    static func generations() throws -> (first: Generation, second: Generation) {
        let first = try next(services(moved: false), after: nil, at: 1000)
        return (first, try next(services(moved: true), after: first, at: 2000))
    }

    private static func next(_ entries: [DesiredState.Entry], after previous: Generation?, at now: Int64) throws
        -> Generation
    {
        let next = try Generation.next(
            desired: DesiredState(entries: entries), previous: previous, epoch: 1, seed: seed, now: now,
            allowingEmpty: true)
        guard let next else { throw Unusable(what: "the generation at \(now)") }
        return next
    }

    /// Backends of one name have one address, whatever their service: `a` is 10.x of its name's hash.
    private static func services(moved: Bool) throws -> [DesiredState.Entry] {
        let members = moved ? "b, c, d" : "a, b, c"
        return try [
            service("web", "203.0.113.1:443/tcp -> a, b, c"),
            service("dns", "203.0.113.1:53/udp -> a, b, c"),
            service("any", "203.0.113.2:any/tcp -> a, b"),
            service("web6", "[2001:db8:1::1]:443/tcp -> a, b, c"),
            service("dns6", "[2001:db8:1::1]:53/udp -> a, b"),
            service("any6", "[2001:db8:1::2]:any/udp -> a, b"),
            service("mixed", "203.0.113.3:443/tcp -> a @2001:db8:b::1, b @2001:db8:b::2"),
            service("gue", "203.0.113.4:443/tcp -> a, b") { $0.forwarding = .gue },
            service("gue6", "[2001:db8:1::4]:443/tcp -> a, b") { $0.forwarding = .gue },
            service("guemixed", "203.0.113.5:443/tcp -> a @2001:db8:b::1") { $0.forwarding = .gue },
            service("wire", "203.0.113.6:80/tcp -> a, b") { $0.forwarding = .l2 },
            service("wire6", "[2001:db8:1::6]:80/tcp -> a, b") { $0.forwarding = .l2 },
            service("own", "203.0.113.7:80/tcp -> a") { $0.forwarding = .local },
            service("nobody", "203.0.113.8:80/tcp ->"),
            service("sticky", "203.0.113.9:80/tcp -> a, b, c") { $0.flowKey = .sourceIP },
            service("sticky6", "[2001:db8:1::9]:any/tcp -> a, b, c") { $0.flowKey = .sourceIP },
            service("medium", "203.0.113.10:80/tcp -> a, b, c") { $0.tableSize = .medium },
            service("large", "203.0.113.11:80/tcp -> a w3, b, c w0") { $0.tableSize = .large },
            service("unreachable", "203.0.113.12:80/tcp -> lost"),
            service("tagged", "203.0.113.13:80/tcp -> tagged"),
            service("taggedwire", "203.0.113.14:80/tcp -> tagged") { $0.forwarding = .l2 },
            service("jumbo", "203.0.113.15:80/tcp -> jumbo"),
            service("guarded", "203.0.113.16:443/tcp -> a, b") {
                $0.allow = try prefixes("198.51.100.0/24", "198.18.0.0/15")
                $0.deny = try prefixes("198.51.100.128/25", "198.18.77.1/32")
            },
            service("blocking", "203.0.113.17:443/tcp -> a, b") { $0.deny = try prefixes("192.0.2.0/24") },
            service("guarded6", "[2001:db8:1::16]:443/tcp -> a, b") {
                $0.allow = try prefixes("2001:db8:c::/48")
                $0.deny = try prefixes("2001:db8:c:bad::/64")
            },
            service("moving", "203.0.113.20:443/tcp -> \(members)"),
            service("moving6", "[2001:db8:1::20]:443/tcp -> \(members)"),
            service("movingdns", "203.0.113.21:53/udp -> \(members)"),
            service("stateless", "203.0.113.22:53/udp -> \(members)") { $0.udp = .stateless },
            service("movinggue", "203.0.113.23:443/tcp -> \(members)") { $0.forwarding = .gue },
            service("movingsticky", "203.0.113.24:443/tcp -> \(members)") { $0.flowKey = .sourceIP },
            service("movingany", "203.0.113.25:any/tcp -> \(members)"),
        ]
    }

    private static func service(
        _ name: String, _ text: String, _ change: (inout VirtualService) throws -> Void = { _ in }
    ) throws -> DesiredState.Entry {
        guard let notation = Notation(text) else { throw Unusable(what: text) }
        var service = VirtualService(name: name, vip: notation.vip, tableSize: .small)
        try change(&service)
        return DesiredState.Entry(service: service, backends: notation.wanted)
    }

    private static func prefixes(_ texts: String...) throws -> [IPPrefix] {
        try texts.map { text in
            guard let prefix = IPPrefix(text) else { throw Unusable(what: text) }
            return prefix
        }
    }

    /// Ways to every backend but `lost`; 1,500 bytes fit them, 9,000 the way to `jumbo`.
    static func view(of generation: Generation, attached: [NetworkInterface]) -> HostView {
        var view = HostView(interfaces: attached)
        for placed in generation.services.flatMap(\.backends) where placed.backend.name != "lost" {
            let name = placed.backend.name
            view.nextHops[placed.backend.address] = NextHop(
                interface: edge, destination: MACAddress(bits: 0x0200_0a00_0000 | placed.backend.address.low & 0xffff),
                vlan: name == "tagged" ? 77 : nil, mtu: name == "jumbo" ? 9000 : 1500)
        }
        return view
    }
}

/// What a test cannot begin with.
struct Unusable: Error, CustomStringConvertible {
    let what: String
    var description: String { "not usable: \(what)" }
}
