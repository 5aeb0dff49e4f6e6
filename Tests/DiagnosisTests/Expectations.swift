// SPDX-License-Identifier: Apache-2.0

import Diagnosis
import Model
import Testing

/// A host on which nothing is wrong: one service, two backends, IPIP on a fabric of 1600 bytes.
func sound() -> Facts {
    var facts = Facts(interfacePlaces: 64, guePort: 6080)
    facts.kernel = .known(Facts.Kernel(major: 6, minor: 18))
    facts.cpus = 2
    facts.build.folder = "/usr/share/sluice/bpf"
    facts.build.clang = "/usr/bin/clang"
    facts.build.hasSources = true
    let program = Facts.Pins.Program(id: 7, name: "1f3a (IPv4, IPIP, tracking)")
    facts.pins = .known(
        Facts.Pins(
            root: "/sys/fs/bpf/sluice", isMounted: true, program: program,
            links: [Facts.Pins.Link(path: "links/eth0", interface: "eth0", index: 2, programID: 7)],
            maps: ["control_v3", "vips_v3"]))
    let mark = Facts.GenerationMark(epoch: 3, number: 17)
    facts.daemon = .runs(Facts.Daemon.Status(version: "1.0", processID: 4711, applied: mark))
    facts.accepted = mark
    facts.directories = [Facts.Directory(path: "/var/lib/sluice", freeBytes: 5_000_000_000)]
    facts.interfaces = .known([eth0()])
    facts.ownAddresses = [own("eth0", "10.2.0.11", "10.2.0.0/24")]
    facts.sourcePrefixes = [prefix("172.16.0.0/16"), prefix("100::/64")]
    facts.services = .known([web()])
    facts.vips = [Facts.VIPAddress(address: address("10.9.9.9"), route: .known(.away))]
    return facts
}

func eth0(_ change: (inout Facts.Interface.Link) -> Void = { _ in }) -> Facts.Interface {
    var link = Facts.Interface.Link(index: 2, mtu: 1500, driver: "ice")
    link.queues = Facts.Interface.Queues(receive: 2, receiveMax: 8)
    link.attached = Facts.Interface.Attached(mode: .native, programID: 7, programName: "steer")
    change(&link)
    return Facts.Interface(name: "eth0", link: link)
}

func web(_ backends: [Facts.Service.Backend]? = nil) -> Facts.Service {
    Facts.Service(
        name: "web", vip: VIP(address: address("10.9.9.9"), port: 80, transport: .tcp), forwarding: .ipip,
        check: .throughTunnel, backends: backends ?? [backend("web1", "10.3.0.21"), backend("web2", "10.3.0.22")])
}

func backend(_ name: String, _ text: String, mtu: UInt16 = 1600) -> Facts.Service.Backend {
    Facts.Service.Backend(
        name: name, address: address(text), port: 80,
        way: .known(.hop(interface: "eth0", mtu: mtu, destination: MACAddress(bits: 0x0200_0000_0301))))
}

func own(_ interface: String, _ text: String, _ network: String) -> Facts.OwnAddress {
    Facts.OwnAddress(interface: interface, address: address(text), network: prefix(network))
}

/// Of texts written in tests.
func address(_ text: String) -> IPAddress {
    guard let address = IPAddress(text) else { preconditionFailure("\(text) is no address") }
    return address
}

func prefix(_ text: String) -> IPPrefix {
    guard let prefix = IPPrefix(text) else { preconditionFailure("\(text) is no prefix") }
    return prefix
}

/// A change of the sound host, and the lines about it that are not 'ok'; notes that are always there are left out.
struct Trouble: Sendable, CustomTestStringConvertible {
    let name: String
    let change: @Sendable (inout Facts) -> Void
    let lines: [String]

    init(_ name: String, _ change: @escaping @Sendable (inout Facts) -> Void, _ lines: String...) {
        self.name = name
        self.change = change
        self.lines = lines
    }

    var testDescription: String { name }

    var found: [String] {
        var facts = sound()
        change(&facts)
        return Diagnosis(of: facts).findings
            .filter { $0.level != .ok && $0.check != .ownTraffic && $0.check != .netfilter }.flatMap(\.lines)
    }
}

extension Facts {
    /// Changes the kernel's facts.
    mutating func kernel(_ change: (inout Facts.Kernel) -> Void) {
        guard var kernel = kernel.value else { return }
        change(&kernel)
        self.kernel = .known(kernel)
    }

    mutating func pins(_ change: (inout Facts.Pins) -> Void) {
        guard var pins = pins.value else { return }
        change(&pins)
        self.pins = .known(pins)
    }

    /// Nothing has run here yet.
    mutating func forgetInstallation() {
        pins { pins in
            pins.program = nil
            pins.links = []
            pins.maps = []
        }
        daemon = .silent("does not answer at /run/sluice/sluiced.sock")
        accepted = nil
        services = .known([])
        vips = []
    }
}

/// A program on an interface.
func attached(
    _ id: UInt32, _ name: String, _ mode: Facts.Interface.Attached.Mode = .native
) -> Facts.Interface.Attached {
    Facts.Interface.Attached(mode: mode, programID: id, programName: name)
}
