// SPDX-License-Identifier: Apache-2.0

import Diagnosis
import Model
import Testing

@Suite struct `Addresses and ways` {
    @Test(arguments: answering + loops + ways)
    func `what is wrong is named with what mends it`(_ trouble: Trouble) {
        #expect(trouble.found == trouble.lines)
    }

    @Test(arguments: [
        ("lo", "ok    10.9.9.9: on lo of this host: it answers ARP for it"),
        ("eth0", "ok    10.9.9.9: on eth0 of this host: it answers ARP for it"),
    ])
    func `a VIP on this host is answered for by it`(_ interface: String, _ line: String) {
        var facts = sound()
        facts.ownAddresses.append(own(interface, "10.9.9.9", "10.9.9.9/32"))
        facts.vips[0].route = .known(.local)
        #expect(Diagnosis(of: facts).findings.filter { $0.check == .vip }.flatMap(\.lines) == [line])
    }

    @Test func `the edge's own traffic ends where its routes say`() {
        var facts = sound()
        facts.vips = [
            Facts.VIPAddress(address: address("10.9.9.9"), route: .known(.local)),
            Facts.VIPAddress(address: address("2001:db8:9::9"), route: .known(.away)),
        ]
        facts.tracksConnections = true
        let lines = Diagnosis(of: facts).findings.filter { $0.check == .ownTraffic || $0.check == .netfilter }
            .map(\.lines[0])
        #expect(
            lines == [
                "note  own traffic: connections of this host to a VIP do not pass XDP: they end at this host's own "
                    + "sockets "
                    + "(10.9.9.9) or leave by its routes (2001:db8:9::9). A backend that connects to its own VIP "
                    + "meets itself.",
                "note  nftables: rules on this host do not see packets that the program forwards, and conntrack sees "
                    + "one "
                    + "direction of those it passes on; it is loaded here, and a rule that drops 'ct state invalid' "
                    + "would "
                    + "drop those",
            ])
    }

    static let answering = [
        Trouble(
            "a VIP in the network of an interface, for which nobody answers", { vip(&$0, "10.2.0.50", .away) },
            "WARN  10.2.0.50: lies in 10.2.0.0/24 of eth0, and is not on this host: its neighbours ask by ARP, and "
                + "nobody "
                + "answers",
            "      ip address add 10.2.0.50/32 dev eth0",
            "      or on the routers:  ip route add 10.2.0.50/32 via 10.2.0.11"),
        Trouble(
            "the same where probes through the tunnel must not end on this host",
            {
                vip(&$0, "10.2.0.50", .away)
                var near = web()
                near.vip = VIP(address: address("10.2.0.50"), port: 80, transport: .tcp)
                $0.services = .known([near])
            },
            "WARN  10.2.0.50: lies in 10.2.0.0/24 of eth0, and is not on this host: its neighbours ask by ARP, and "
                + "nobody "
                + "answers",
            "      on the routers:  ip route add 10.2.0.50/32 via 10.2.0.11"),
        Trouble(
            "an IPv6 VIP in the network of an interface",
            {
                vip(&$0, "2001:db8:2::50", .nowhere)
                $0.ownAddresses.append(own("eth0", "2001:db8:2::b", "2001:db8:2::/64"))
            },
            "WARN  2001:db8:2::50: lies in 2001:db8:2::/64 of eth0, and is not on this host: its neighbours ask by "
                + "NDP, and "
                + "nobody answers",
            "      ip address add 2001:db8:2::50/128 dev eth0",
            "      or on the routers:  ip route add 2001:db8:2::50/128 via 2001:db8:2::b"),
        Trouble(
            "a VIP that two hosts answer for",
            {
                vip(&$0, "10.2.0.50", .local, answeredBy: 0x0200_0000_0301)
                $0.ownAddresses.append(own("lo", "10.2.0.50", "10.2.0.50/32"))
            },
            "FAIL  10.2.0.50: on lo of this host, and 02:00:00:00:03:01 on eth0 (web/web1, or its router) answers ARP "
                + "for it "
                + "too: neighbours send to whoever was quicker",
            "      on the other host:  sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2"),
        Trouble(
            "a VIP that another host of its network answers for",
            { vip(&$0, "10.2.0.50", .away, answeredBy: 0x0200_0000_0399) },
            "FAIL  10.2.0.50: not on this host, and 02:00:00:00:03:99 on eth0 answers ARP for it: its packets go past "
                + "this "
                + "host",
            "      on that host:  sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2"),
        Trouble(
            "a routed VIP that a backend would answer for",
            { vip(&$0, "10.9.9.9", .away, answeredBy: 0x0200_0000_0301) },
            "WARN  10.9.9.9: not on this host, and 02:00:00:00:03:01 on eth0 (web/web1, or its router) answers ARP "
                + "for it: a "
                + "router that asks for it sends its packets past this host",
            "      on that host:  sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2"),
        Trouble(
            "a VIP on the loopback that arp_ignore keeps silent",
            { facts in
                vip(&facts, "10.2.0.50", .local)
                facts.ownAddresses.append(own("lo", "10.2.0.50", "10.2.0.50/32"))
                var silent = eth0()
                silent.arpIgnore = 1
                facts.interfaces = .known([silent])
            },
            "WARN  10.2.0.50: on lo of this host, and arp_ignore keeps eth0 from answering ARP for it, though it lies "
                + "in "
                + "10.2.0.0/24: neighbours do not find it",
            "      ip address add 10.2.0.50/32 dev eth0"),
        Trouble(
            "a VIP whose route is not known", { $0.vips[0].route = .unknown("netlink: timed out") },
            "WARN  10.9.9.9: its route could not be looked up: netlink: timed out"),
        Trouble(
            "an outer source prefix in use",
            { $0.ownAddresses.append(own("eth1", "172.16.3.4", "172.16.3.0/24")) },
            "FAIL  source prefix 172.16.0.0/16: 172.16.3.0/24 of eth1 overlaps with it, and the program drops what "
                + "comes "
                + "from it",
            "      choose one that nobody uses: datapath: { source-prefix: ... }"),
        Trouble(
            "a backend in the outer source prefix",
            { $0.services = .known([web([backend("web1", "172.16.0.9")])]) },
            "FAIL  source prefix 172.16.0.0/16: backend web1 (172.16.0.9) lies in it: outer packets could come from "
                + "its own "
                + "address",
            "      choose one that nobody uses: datapath: { source-prefix: ... }"),
    ]

    static let loops = [
        Trouble(
            "a router whose VIP is routed away",
            {
                $0.forwards4 = .known(true)
                $0.services = .known([unprobed()])
            },
            "WARN  ip_forward: on, and 10.9.9.9 is not on this host: what the program passes on (ports without a "
                + "service, "
                + "other protocols) goes back to the router, again and again",
            "      ip route add blackhole 10.9.9.9/32",
            "      or, if this host is no router:  sysctl -w net.ipv4.ip_forward=0"),
        Trouble(
            "an IPv6 router whose VIP is routed away",
            {
                $0.forwards6 = .known(true)
                vip(&$0, "2001:db8:9::9", .away)
            },
            "WARN  IPv6 forwarding: on, and 2001:db8:9::9 is not on this host: what the program passes on (ports "
                + "without a "
                + "service, other protocols) goes back to the router, again and again",
            "      ip route add blackhole 2001:db8:9::9/128",
            "      or, if this host is no router:  sysctl -w net.ipv6.conf.all.forwarding=0"),
        Trouble(
            "a router whose VIP is routed away and probed through the tunnel", { $0.forwards4 = .known(true) },
            "WARN  ip_forward: on, and 10.9.9.9 is not on this host: what the program passes on (ports without a "
                + "service, "
                + "other protocols) goes back to the router, again and again",
            "      if this host is no router:  sysctl -w net.ipv4.ip_forward=0",
            "      or, with  health: { through-tunnel: false }  (probes need a way to the VIP):",
            "      ip route add blackhole 10.9.9.9/32"),
        Trouble(
            "a router on which the VIP ends",
            {
                $0.forwards4 = .known(true)
                $0.services = .known([unprobed()])
                $0.vips[0].route = .known(.nowhere)
            }),
    ]

    static let ways = [
        missing(.noRoute, "no route leads there", "ip route add 10.3.0.21 via ROUTER"),
        missing(
            .blackhole, "its route is a blackhole",
            "ip route show match 10.3.0.21   shows it, ip route delete ... removes it"),
        missing(
            .local, "the address is this host's own",
            "forward: local   sends a service's packets to this host's own sockets"),
        missing(.notUnicast, "the address is not unicast", "mend its address in the services document"),
        missing(
            .noNeighbour(address("10.2.0.254"), interface: "eth0"), "nobody answers for 10.2.0.254 on eth0",
            "ping -c 3 -I eth0 10.2.0.254; ip neighbour show to 10.2.0.254   (is it up, and on this network?)"),
        missing(
            .linkDown(interface: "eth1"), "eth1 is down", "ip link set dev eth1 up   (if it is: cable, other end)"),
        missing(
            .notEthernet(interface: "wg0"), "wg0 is neither Ethernet nor one VLAN on it",
            "ip route get 10.3.0.21   shows the way; give it one by an Ethernet interface"),
    ]

    @Test func `a router's silence is told of once a service`() {
        var lost = (1...7).map { backend("web\($0)", "10.3.0.2\($0)") }
        for index in lost.indices {
            lost[index].way = .known(.none(.noNeighbour(address("10.2.0.254"), interface: "eth0")))
        }
        var facts = sound()
        facts.services = .known([web(lost)])
        #expect(
            Diagnosis(of: facts).findings.filter { $0.check == .nextHop }.map(\.lines[0]) == [
                "FAIL  web/web1, web2, web3, web4, web5 and 2 more: no next hop, so their packets are dropped: "
                    + "nobody answers for 10.2.0.254 on eth0"
            ])
    }

    /// Of direct probes no finding says anything here but the note that they see no tunnel.
    private static func unprobed() -> Facts.Service {
        var local = web()
        local.forwarding = .local
        local.check = .direct
        return local
    }

    private static func missing(_ reason: Facts.NoWay, _ why: String, _ remedy: String) -> Trouble {
        Trouble(
            why,
            {
                var lost = backend("web1", "10.3.0.21")
                lost.way = .known(.none(reason))
                $0.services = .known([web([lost])])
            },
            "FAIL  web/web1 (10.3.0.21): no next hop, so its packets are dropped: \(why)", "      \(remedy)")
    }

    private static func vip(
        _ facts: inout Facts, _ text: String, _ route: Facts.VIPAddress.Route, answeredBy hardware: UInt64? = nil
    ) {
        let answers = hardware.map { Facts.VIPAddress.Answer(interface: "eth0", hardware: MACAddress(bits: $0)) }
        facts.vips = [
            Facts.VIPAddress(address: address(text), route: .known(route), answers: answers.map { [$0] } ?? [])
        ]
    }
}
