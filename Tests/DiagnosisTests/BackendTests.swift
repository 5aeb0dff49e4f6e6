// SPDX-License-Identifier: Apache-2.0

import Diagnosis
import Model
import Testing

@Suite struct `MTU and health` {
    @Test(arguments: sizes + unreached + health)
    func `what is wrong is named with what mends it`(_ trouble: Trouble) {
        #expect(trouble.found == trouble.lines)
    }

    /// Forwarding, family of the VIP and of the backend: what is put in front, and what TCP may send on 1500 bytes.
    @Test(arguments: [
        (Forwarding.ipip, "10.9.9.9", "10.3.0.21", "IPIP", 1520, 1440),
        (.ipip, "10.9.9.9", "2001:db8:3::1", "IPIP over IPv6", 1540, 1420),
        (.ipip, "2001:db8:9::9", "2001:db8:3::1", "IPIP over IPv6", 1540, 1400),
        (.gue, "10.9.9.9", "10.3.0.21", "GUE", 1532, 1428),
        (.gue, "2001:db8:9::9", "10.3.0.21", "GUE", 1532, 1408),
        (.gue, "2001:db8:9::9", "2001:db8:3::1", "GUE over IPv6", 1552, 1388),
    ])
    func `each encapsulation takes its bytes`(
        _ forwarding: Forwarding, _ vip: String, _ to: String, _ name: String, _ length: Int, _ segment: Int
    ) {
        let found = Trouble("") { facts in
            facts.services = .known([Self.service(forwarding, vip, backend("web1", to, mtu: 1500))])
        }.found
        #expect(
            found == [
                "WARN  MTU: a client packet of 1500 bytes is \(length) after \(name) and does not fit eth0 (1500). "
                    + "PTB will be sent.",
                "      To avoid it, either  ip link set dev eth0 mtu \(length)   here and on the whole fabric,",
                "      or  ip route change default via ROUTER advmss \(segment)   on each backend (TCP alone)",
            ])
    }

    @Test func `backends with the same arithmetic are told of once`() {
        var facts = sound()
        facts.services = .known([
            web([backend("a", "10.3.0.1", mtu: 1500), backend("b", "10.3.0.2", mtu: 1500), backend("c", "10.3.0.3")])
        ])
        #expect(Diagnosis(of: facts).findings.filter { $0.check == .mtu }.map(\.level) == [.warning, .ok])
    }

    /// MTU of the interface and of the way, and what is said: a fabric that was widened as told is not told again.
    @Test(arguments: [
        (1520, 1520, "is 1520 after IPIP and fits eth0 (1520); for those above 1500, PTB will be sent"),
        (9000, 9000, "is 1520 after IPIP and fits eth0 (9000); for those above 8980, PTB will be sent"),
        (1500, 9000, "is 1520 after IPIP and fits eth0 (9000)"),
    ])
    func `room for a tunnel is room enough`(_ interface: Int, _ way: Int, _ text: String) {
        var facts = sound()
        facts.interfaces = .known([eth0 { $0.mtu = UInt16(interface) }])
        facts.services = .known([web([backend("web1", "10.3.0.21", mtu: UInt16(way))])])
        #expect(
            Diagnosis(of: facts).findings.filter { $0.check == .mtu && $0.subject == "MTU" }.flatMap(\.lines) == [
                "ok    MTU: a client packet of 1500 bytes \(text)"
            ])
    }

    @Test func `L2 needs no room`() {
        var facts = sound()
        facts.services = .known([Self.service(.l2, "10.9.9.9", backend("web1", "10.3.0.21", mtu: 1500))])
        #expect(
            Diagnosis(of: facts).findings.filter { $0.check == .mtu }.flatMap(\.lines) == [
                "ok    MTU: a client packet of 1500 bytes is 1500 after L2 and fits eth0 (1500)"
            ])
    }

    static let sizes = [
        Trouble(
            "a fabric whose MTU cannot grow",
            { facts in
                facts.interfaces = .known([eth0 { $0.mtuMax = 1500 }])
                facts.services = .known([web([backend("web1", "10.3.0.21", mtu: 1500)])])
            },
            "WARN  MTU: a client packet of 1500 bytes is 1520 after IPIP and does not fit eth0 (1500). PTB will be "
                + "sent.",
            "      To avoid it:  ip route change default via ROUTER advmss 1440   on each backend (TCP alone)"),
        Trouble(
            "a path too small for IPv6 within",
            { $0.services = .known([service(.gue, "2001:db8:9::9", backend("web1", "10.3.0.21", mtu: 1300))]) },
            "FAIL  MTU: eth0 takes 1300 bytes, which leaves 1268 in GUE: no IPv6 sender has to go below 1280",
            "      ip link set dev eth0 mtu 1532   here and on the whole fabric"),
    ]

    static let unreached = [
        Trouble(
            "a backend that does not take IPIP apart", { $0.services = .known([web([deaf("10.3.0.23")])]) },
            "FAIL  web/web3 (10.3.0.23): answers on its own address, not through the tunnel (no connection within "
                + "1000 ms): "
                + "it does not decapsulate.",
            "      On that host:  ip link add ipip0 type ipip external && ip link set ipip0 up && "
                + "sysctl -w net.ipv4.conf.ipip0.rp_filter=0",
            "      or run  sluiced decap --interface eth0", "      and the VIP:  ip address add 10.9.9.9/32 dev lo"),
        Trouble(
            "a backend that does not take GUE over IPv6 apart",
            { $0.services = .known([service(.gue, "2001:db8:9::9", deaf("2001:db8:3::17"))]) },
            "FAIL  web/web3 (2001:db8:3::17): answers on its own address, not through the tunnel (no connection within "
                + "1000 ms): it does not decapsulate.",
            "      On that host:  modprobe fou && ip fou add port 6080 gue -6",
            "      and  ip link add ip6tnl1 type ip6tnl external && ip link set ip6tnl1 up",
            "      or run  sluiced decap --interface eth0",
            "      and the VIP:  ip address add 2001:db8:9::9/128 dev lo"),
        Trouble(
            "a backend that does not have the VIP",
            { $0.services = .known([service(.l2, "10.9.9.9", deaf("10.3.0.23"))]) },
            "FAIL  web/web3 (10.3.0.23): answers on its own address, not through the tunnel (no connection within "
                + "1000 ms): "
                + "it does not take packets for the VIP.",
            "      On that host:  sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2",
            "      and the VIP:  ip address add 10.9.9.9/32 dev lo"),
    ]

    static let health = [
        Trouble(
            "a VIP of the host's own that probes are to leave for",
            {
                $0.vips[0].route = .known(.local)
                $0.ownAddresses.append(own("eth0", "10.9.9.9", "10.9.9.9/32"))
                $0.services = .known([web([deaf("10.3.0.23")])])
            },
            "FAIL  web: its probes through the tunnel never leave: 10.9.9.9 is on eth0 of this host",
            "      ip address delete 10.9.9.9/32 dev eth0",
            "      and on the routers:  ip route add 10.9.9.9/32 via THIS-HOST",
            "      or, to keep it here:  health: { through-tunnel: false }"),
        Trouble(
            "a VIP that a route makes the host's own",
            { $0.vips[0].route = .known(.local) },
            "FAIL  web: its probes through the tunnel never leave: 10.9.9.9 is this host's own by a route",
            "      ip route delete local 10.9.9.9/32",
            "      and on the routers:  ip route add 10.9.9.9/32 via THIS-HOST",
            "      or, to keep it here:  health: { through-tunnel: false }"),
        Trouble(
            "a VIP that no route of the host leads to",
            { $0.vips[0].route = .known(.nowhere) },
            "FAIL  web: its probes through the tunnel never leave: no route of this host leads to 10.9.9.9, where they "
                + "are sent before the tunnel takes them",
            "      ip route add 10.9.9.9/32 via ROUTER   (ip route get 10.9.9.9  shows what is there)"),
        Trouble(
            "dead backends to which no way leads",
            {
                var lost = [
                    down("10.3.0.23", "network is unreachable", .fails("network is unreachable")),
                    down("10.3.0.24", "network is unreachable", .fails("network is unreachable")),
                ]
                for index in lost.indices { lost[index].way = .known(.none(.noRoute)) }
                $0.services = .known([web([backend("web1", "10.3.0.21")] + lost)])
            },
            "FAIL  web/web3 and web3: no next hop, so their packets are dropped: no route leads there",
            "      ip route add 10.3.0.23 via ROUTER", "      ip route add 10.3.0.24 via ROUTER"),
        Trouble(
            "a dead backend",
            {
                $0.services = .known([
                    web([down("10.3.0.23", "connection refused", .fails("connection refused"))])
                ])
            },
            "WARN  web/web3 (10.3.0.23): down by this host's probes: connection refused; its own address does not "
                + "answer "
                + "either (connection refused)",
            "      on that host:  ss -lntu   (does the server run, and listen on its address?)"),
        Trouble(
            "probes that see no tunnel",
            { facts in
                var direct = web()
                direct.check = .direct
                facts.services = .known([direct])
            },
            "note  web: its probes go to the backends' own addresses: one that takes no packets for the VIP looks "
                + "healthy",
            "      health: { through-tunnel: true }"),
        Trouble(
            "no probes",
            { facts in
                var unprobed = web()
                unprobed.check = nil
                facts.services = .known([unprobed])
            },
            "note  web: no health check: a dead backend keeps its share of new connections",
            "      health: { tcp: {}, through-tunnel: true }"),
        Trouble(
            "health that nobody knows",
            { facts in
                var quiet = web()
                for index in quiet.backends.indices { quiet.backends[index].standing = .unknown("sluiced is dead") }
                facts.services = .known([quiet])
            },
            "note  web: the health of 2 backends is not known: sluiced is dead"),
    ]

    private static func service(
        _ forwarding: Forwarding, _ vip: String, _ backend: Facts.Service.Backend
    ) -> Facts.Service {
        var service = web([backend])
        service.vip = VIP(address: address(vip), port: 80, transport: .tcp)
        service.forwarding = forwarding
        return service
    }

    private static func deaf(_ address: String) -> Facts.Service.Backend {
        down(address, "no connection within 1000 ms", .answers)
    }

    private static func down(
        _ address: String, _ cause: String, _ own: Facts.Service.OwnAnswer
    ) -> Facts.Service.Backend {
        var dead = backend("web3", address)
        dead.standing = .known(.down(cause: cause, own: own))
        return dead
    }
}
