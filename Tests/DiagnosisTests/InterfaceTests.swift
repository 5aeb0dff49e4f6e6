// SPDX-License-Identifier: Apache-2.0

import Diagnosis
import Testing

@Suite struct `Interfaces` {
    @Test(arguments: links + kinds)
    func `what is wrong is named with what mends it`(_ trouble: Trouble) {
        #expect(trouble.found == trouble.lines)
    }

    static let links = [
        Trouble(
            "a name that is no interface's",
            { $0.interfaces = .known([eth0(), Facts.Interface(name: "eth9", link: nil)]) },
            "FAIL  eth9: there is no such interface",
            "      ip -brief link   shows those that are; then mend interfaces: in sluiced.yaml"),
        Trouble(
            "an interface that is down", { $0.interfaces = .known([eth0 { $0.isUp = false }]) },
            "FAIL  eth0 (ice): is down", "      ip link set dev eth0 up"),
        Trouble(
            "an interface without carrier", { $0.interfaces = .known([eth0 { $0.hasCarrier = false }]) },
            "FAIL  eth0 (ice): has no carrier: the cable, or the other end, is down",
            "      ethtool eth0   says whether a link is detected"),
        Trouble(
            "a tunnel", { $0.interfaces = .known([eth0 { $0.isEthernet = false }]) },
            "FAIL  eth0 (ice): has no Ethernet header, and the program reads and writes one",
            "      name another one under interfaces: in sluiced.yaml"),
        Trouble(
            "two with one place",
            { facts in
                var other = eth0 { $0.index = 66 }
                other.name = "eth5"
                facts.interfaces = .known([eth0(), other])
            },
            "FAIL  eth0 and eth5: their indices 2 and 66 are equal modulo 64, and the program has one place for both: "
                + "only one of them is steered",
            "      leave one of them out of interfaces:, or make it again with another index (ip link add ... index "
                + "N)"),
    ]

    static let kinds = [
        Trouble(
            "a bond on an old kernel",
            {
                $0.kernel = .known(Facts.Kernel(major: 5, minor: 10))
                $0.interfaces = .known([
                    eth0 {
                        $0.driver = "bonding"
                        $0.kind = "bond"
                    }
                ])
            },
            "WARN  eth0 (bonding): a bond has native XDP since Linux 5.15, and this is kernel 5.10",
            "      boot Linux 5.15 or later, or live with generic XDP"),
        Trouble(
            "a member of a bond",
            { $0.interfaces = .known([eth0 { $0.master = Facts.Interface.Master(name: "bond0", kind: "bond") }]) },
            "WARN  eth0 (ice): belongs to bond0: routes lead to that one, and from here the program cannot send by it",
            "      interfaces: [bond0]"),
        Trouble(
            "a port of a bridge",
            { $0.interfaces = .known([eth0 { $0.master = Facts.Interface.Master(name: "br0", kind: "bridge") }]) },
            "WARN  eth0 (ice): belongs to bridge br0: routes lead to that one, and the program cannot send by a bridge",
            "      ip link set dev eth0 nomaster   and give its addresses to eth0 itself"),
        Trouble(
            "a VLAN device",
            {
                $0.interfaces = .known([
                    eth0 {
                        $0.kind = "vlan"
                        $0.parent = "eth1"
                    }
                ])
            },
            "WARN  eth0 (ice): a VLAN on eth1: VLAN devices have generic XDP alone",
            "      name the parent instead:  interfaces: [eth1]   (the program reads and writes tags itself)"),
        Trouble(
            "VLANs whose tags the card takes off",
            {
                $0.interfaces = .known([
                    eth0 {
                        $0.vlans = [100, 200]
                        $0.offloads = [.rxvlan, .gro]
                    }
                ])
            },
            "WARN  eth0 (ice): carries VLAN 100 and 200, and the card takes tags off: the program may see those frames "
                + "without their tag",
            "      ethtool -K eth0 rxvlan off"),
    ]
}
