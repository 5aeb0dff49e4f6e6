// SPDX-License-Identifier: Apache-2.0

import Diagnosis
import Testing

@Suite struct `Interfaces` {
    @Test(arguments: links + programs + possible + kinds + receiving)
    func `what is wrong is named with what mends it`(_ trouble: Trouble) {
        #expect(trouble.found == trouble.lines)
    }

    @Test func `before the first start it is said what the driver can do`() {
        var facts = sound()
        facts.forgetInstallation()
        facts.interfaces = .known([
            eth0 {
                $0.attached = nil
                $0.driver = "virtio_net"
            }
        ])
        facts.kernel { $0.xdpFragments = false }
        #expect(
            Diagnosis(of: facts).findings.filter { $0.check == .xdp }.flatMap(\.lines) == [
                "ok    eth0 (virtio_net): the driver has native XDP, MTU 1500 (at most 3506); nothing attached yet"
            ])
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

    static let programs = [
        Trouble(
            "somebody else's program",
            { $0.interfaces = .known([eth0 { $0.attached = attached(99, "firewall") }]) },
            "FAIL  eth0 (ice): the XDP program firewall (id 99) of somebody else is on it, and sluiced does not touch "
                + "it",
            "      bpftool net   says what it is;  ip link set dev eth0 xdp off   takes it off",
            "      or let sluiced do so:  datapath: { foreign: replace }"),
        Trouble(
            "somebody else's program that may be replaced",
            {
                $0.replacesForeign = true
                $0.interfaces = .known([eth0 { $0.attached = attached(99, "firewall") }])
            },
            "WARN  eth0 (ice): the XDP program firewall (id 99) of somebody else is on it, and sluiced will replace "
                + "it as "
                + "configured",
            "      bpftool net   says what it is;  ip link set dev eth0 xdp off   takes it off"),
        Trouble(
            "another installation", { $0.interfaces = .known([eth0 { $0.attached = attached(99, "steer") }]) },
            "FAIL  eth0 (ice): another sluiced runs its program (id 99) on it",
            "      stop that one and let it go:  sluicectl uninstall --config ITS-CONFIGURATION"),
        Trouble(
            "no program, though there should be one",
            { facts in
                facts.interfaces = .known([eth0 { $0.attached = nil }])
                let attachment = Facts.Daemon.Attachment(mode: "none", reason: "no XDP native: out of queues")
                facts.daemon = .runs(
                    Facts.Daemon.Status(
                        version: "1.0", processID: 1, applied: facts.accepted, interfaces: ["eth0": attachment]))
            },
            "FAIL  eth0 (ice): no XDP program is on it, so nothing that comes in by it is steered: no XDP native: out "
                + "of "
                + "queues",
            "      systemctl restart sluiced; journalctl -u sluiced -n 50"),
        Trouble(
            "generic XDP", { $0.interfaces = .known([eth0 { $0.attached = attached(7, "steer", .generic) }]) },
            "WARN  eth0 (ice): generic XDP, several times slower than native: the driver has native XDP and refused it",
            "      mend what the driver objects to (MTU, queues, LRO), then  systemctl restart sluiced"),
        Trouble(
            "generic XDP of a driver that has no other",
            {
                $0.interfaces = .known([
                    eth0 {
                        $0.driver = "e1000e"
                        $0.attached = attached(7, "steer", .generic)
                    }
                ])
            },
            "WARN  eth0 (e1000e): generic XDP, several times slower than native: the driver has no native XDP",
            "      a card whose driver has native XDP"),
        Trouble(
            "generic XDP that was asked for",
            {
                $0.mode = .generic
                $0.interfaces = .known([eth0 { $0.attached = attached(7, "steer", .generic) }])
            }),
    ]

    static let possible = [
        Trouble(
            "a driver without native XDP", { before(&$0) { $0.driver = "e1000e" } },
            "WARN  eth0 (e1000e): the driver is not known to have native XDP: generic XDP, several times slower, will "
                + "have "
                + "to do"),
        Trouble(
            "a driver without native XDP, which is asked for",
            {
                $0.mode = .native
                before(&$0) { $0.driver = "e1000e" }
            },
            "FAIL  eth0 (e1000e): the driver is not known to have native XDP, and datapath.mode asks for it",
            "      datapath: { mode: auto }   takes generic XDP instead, which is slower"),
        Trouble(
            "an MTU above the driver's for XDP",
            {
                before(&$0) {
                    $0.driver = "ena"
                    $0.mtu = 9001
                }
            },
            "WARN  eth0 (ena): MTU 9001 is more than native XDP takes here (3498): generic, which is slower, will "
                + "have to do",
            "      ip link set dev eth0 mtu 3498"),
        Trouble(
            "an MTU above one piece, on a driver and kernel that take several",
            {
                before(&$0) {
                    $0.driver = "virtio_net"
                    $0.mtu = 9000
                }
            }),
        Trouble(
            "an MTU above one piece, on a kernel that takes one",
            {
                $0.kernel { $0.xdpFragments = false }
                before(&$0) {
                    $0.driver = "virtio_net"
                    $0.mtu = 9000
                }
            },
            "WARN  eth0 (virtio_net): MTU 9000 is more than native XDP takes here (3506): generic, which is slower, "
                + "will "
                + "have to do",
            "      ip link set dev eth0 mtu 3506"),
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

    private static func attached(
        _ id: UInt32, _ name: String, _ mode: Facts.Interface.Attached.Mode = .native
    ) -> Facts.Interface.Attached {
        Facts.Interface.Attached(mode: mode, programID: id, programName: name)
    }

    /// The host as it is before the daemon ever ran, without the note that says so.
    private static func before(_ facts: inout Facts, _ change: (inout Facts.Interface.Link) -> Void) {
        facts.pins { pins in
            pins.program = nil
            pins.links = []
        }
        facts.daemon = .runs(Facts.Daemon.Status(version: "1.0", processID: 1))
        facts.accepted = nil
        facts.services = .known([])
        facts.interfaces = .known([
            eth0 { link in
                link.attached = nil
                change(&link)
            }
        ])
    }
}
