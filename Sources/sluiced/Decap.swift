// SPDX-License-Identifier: Apache-2.0

import Admin
import ArgumentParser
import BPF
import Dataplane
import Model
import NextHops

extension IPPrefix: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}

/// `sluiced decap`: makes a backend without a tunnel device strip the balancers' tunnels.
struct Decap: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "On a backend: strip IPIP and GUE of the balancers' packets.",
        discussion: """
            The program stays in the kernel when the command ends; run it again after a reboot. The VIP's address must be on \
            this host (ip address add VIP/32 dev lo), and must not answer ARP (net.ipv4.conf.all.arp_ignore=1).
            """)

    @Option(name: .shortAndLong, help: "Where tunnels come in; may be given more than once.")
    var interface: [String] = []

    @Option(help: .init("The balancers' outer source prefixes; tunnels of others are dropped.", valueName: "prefix"))
    var source: [IPPrefix] = [HostView.defaultSource4, HostView.defaultSource6]

    @Option(help: .init("Where program and links are pinned.", valueName: "directory"))
    var bpfRoot = "/sys/fs/bpf/sluice-decap"

    @Option(help: .init("The folder of decap.bpf.c or decap.bpf.o.", valueName: "directory"))
    var sources = "/usr/share/sluice/bpf"

    @Option(help: .init("Where the compiled program is kept.", valueName: "directory"))
    var cache = "/var/cache/sluice"

    @Flag(help: "Take the program off all interfaces instead.")
    var remove = false

    func validate() throws {
        if interface.isEmpty, !remove {
            throw ValidationError("name the interfaces where tunnels come in: --interface eth0")
        }
    }

    func run() throws {
        try Daemon.requireRoot("sluiced decap")
        do {
            try change()
        } catch let error as BPFError {
            throw Self.failure("\(error)", Admin.ExitCode(systemError: error.errno))
        }
    }

    private func change() throws {
        let decapsulation = Decapsulation(bpfRoot: bpfRoot, sources: sources, cache: cache)
        if remove {
            try decapsulation.remove()
            print("\(bpfRoot): removed")
            return
        }
        for name in interface {
            guard let link = try NetworkInterfaces.find(name) else {
                throw Self.failure("there is no interface \(name); see  ip link", .usage)
            }
            let report = try decapsulation.attach(to: link.interface, trusting: source)
            if let error = report.error { throw Self.failure(error, .failed) }
            let mode = report.mode.map { "XDP \($0)" } ?? "XDP"
            print("\(name): strips tunnels from \(source.map(\.description).joined(separator: ", ")) (\(mode))")
        }
    }

    /// A kernel that lacks what is needed refuses in many words; it is asked itself.
    private static func failure(_ cause: String, _ code: Admin.ExitCode) -> StartFailure {
        let features = KernelFeatures.probe()
        guard code == .failed, !features.xdp || !features.xdpLink else {
            return StartFailure(description: "sluiced decap: \(cause)", code: code)
        }
        return StartFailure(
            description: "sluiced decap: kernel \(features.release) has no XDP links (5.9 and later have): \(cause)",
            code: .kernelLacks)
    }
}
