// SPDX-License-Identifier: Apache-2.0

import BPF
import Model
import TestSupport

@testable import Dataplane

/// An installation of one test: pins of its own, the repository's program.
struct Bench: Sendable {
    let pins: PinDirectory
    let files: TemporaryDirectory

    init() throws {
        pins = try PinDirectory()
        files = try TemporaryDirectory()
    }

    var settings: DataplaneSettings {
        DataplaneSettings(
            bpfRoot: pins.path, cache: RepositoryRoot.objectCache, sources: "\(RepositoryRoot.path)/bpf")
    }

    func started(_ settings: DataplaneSettings? = nil) throws -> Installation {
        let installation = try Installation(settings ?? self.settings)
        _ = try installation.start()
        return installation
    }

    func kernel() throws -> KernelState { try KernelState.open(bpfRoot: pins.path) }
}

/// A namespace with a pair of interfaces, `eth0` and its peer.
struct Wire: Sendable {
    let namespace: NetworkNamespace

    init() throws {
        namespace = try NetworkNamespace()
        try add()
    }

    func add() throws {
        try namespace.run("ip link add eth0 type veth peer name peer0 && ip link set eth0 up && ip link set peer0 up")
    }

    func remove() throws { try namespace.run("ip link del eth0") }

    func interface() throws -> NetworkInterface {
        let text = try namespace.run("ip -o link show eth0 | cut -d: -f1")
        let index = UInt32(text.split(whereSeparator: \.isWhitespace).first ?? "") ?? 0
        return NetworkInterface(
            index: index, name: "eth0", address: MACAddress(bits: 0x0200_0000_0005), mtu: 1500, isVirtual: false)
    }

    /// What an apply came to, in the namespace.
    func apply(_ generation: Generation, _ settings: DataplaneSettings) throws -> ApplyReport {
        let interface = try interface()
        return try namespace.inside {
            let installation = try Installation(settings)
            _ = try installation.start()
            let report = try installation.apply(generation, on: Host.view(generation, interfaces: [interface]))
            try installation.finish()
            if let narrowing = installation.narrowing() {
                _ = installation.takeOver(narrowing.outcome() as Narrowing.Outcome, of: narrowing)
            }
            return report
        }
    }
}
