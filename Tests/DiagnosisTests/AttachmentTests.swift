// SPDX-License-Identifier: Apache-2.0

import Diagnosis
import Testing

@Suite struct `Programs on interfaces` {
    @Test(arguments: programs + possible)
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
