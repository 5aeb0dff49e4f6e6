// SPDX-License-Identifier: Apache-2.0

import Diagnosis
import Testing

@Suite struct `What reaches the program` {
    @Test(arguments: receiving)
    func `what is wrong is named with what mends it`(_ trouble: Trouble) {
        #expect(trouble.found == trouble.lines)
    }

    static let receiving = [
        Trouble(
            "fewer queues than CPUs", { $0.cpus = 16 },
            "WARN  eth0 (ice): 2 receive queues for 16 CPUs: 2 CPUs do all the work of this interface",
            "      ethtool -L eth0 combined 8"),
        Trouble(
            "one queue and no more to be had",
            { $0.interfaces = .known([eth0 { $0.queues = Facts.Interface.Queues(receive: 1, receiveMax: 1) }]) },
            "note  eth0 (ice): 1 receive queue for 2 CPUs: one CPU does all the work of this interface, and it can "
                + "have no "
                + "more"),
        Trouble(
            "a veth that leaves checksums for later",
            {
                $0.interfaces = .known([
                    eth0 {
                        $0.driver = "veth"
                        $0.offloads = [.tx, .tso, .gso, .gro]
                    }
                ])
            },
            "WARN  eth0 (veth): tx, tso, gso and gro on: a veth leaves checksums and segments to be done later, and "
                + "XDP "
                + "forwards them undone: small requests work, bulk TCP does not",
            "      ethtool -K eth0 tx off tso off gso off gro off",
            "      the same on the other end, and on every veth between here and the clients"),
        Trouble(
            "LRO", { $0.interfaces = .known([eth0 { $0.offloads = [.lro, .gro] }]) },
            "WARN  eth0 (ice): lro on: the card merges packets before XDP sees them; many drivers then refuse native "
                + "XDP",
            "      ethtool -K eth0 lro off"),
        Trouble(
            "GRO before generic XDP",
            {
                $0.mode = .generic
                $0.interfaces = .known([
                    eth0 {
                        $0.attached = attached(7, "steer", .generic)
                        $0.offloads = [.gro]
                    }
                ])
            },
            "WARN  eth0 (ice): gro on: generic XDP comes after it, and sees merged packets that fit no link",
            "      ethtool -K eth0 gro off"),
        Trouble("GRO behind native XDP", { $0.interfaces = .known([eth0 { $0.offloads = [.tx, .tso, .gso, .gro] }]) }),
        Trouble(
            "a strict reverse path filter",
            { facts in
                var strict = eth0()
                strict.rpFilter = 1
                facts.interfaces = .known([strict])
            },
            "WARN  eth0: rp_filter is 1 (strict): what the program passes on, and answers to probes through the "
                + "tunnel (they "
                + "come from the VIP), is dropped unless the way back leaves by eth0",
            "      sysctl -w net.ipv4.conf.eth0.rp_filter=2"),
        Trouble(
            "a strict reverse path filter of an interface with a dot",
            { facts in
                var strict = eth0()
                strict.name = "eth0.7"
                strict.rpFilter = 1
                facts.interfaces = .known([strict])
                facts.pins { $0.links[0].interface = "eth0.7" }
            },
            "WARN  eth0.7: rp_filter is 1 (strict): what the program passes on, and answers to probes through the "
                + "tunnel "
                + "(they come from the VIP), is dropped unless the way back leaves by eth0.7",
            "      sysctl -w net/ipv4/conf/eth0.7/rp_filter=2"),
    ]
}
