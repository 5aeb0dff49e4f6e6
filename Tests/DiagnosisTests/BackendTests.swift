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
