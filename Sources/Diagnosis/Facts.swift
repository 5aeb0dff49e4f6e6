// SPDX-License-Identifier: Apache-2.0

import Model

/// All that was read of a host. What could not be read says why.
public struct Facts: Hashable, Sendable {
    /// What is wrong with the host's document, a line each.
    public var configurationProblems: [String] = []
    public var isRoot = true
    public var kernel: Reading<Kernel> = .unknown("not looked at")
    /// CPUs that are online.
    public var cpus = 1
    public var mode = Mode.auto
    /// Whether the configuration lets a program of others be taken off.
    public var replacesForeign = false
    /// Outer sources of encapsulated packets.
    public var sourcePrefixes: [IPPrefix] = []
    public var build = Build()
    public var pins: Reading<Pins> = .unknown("not looked at")
    public var daemon = Daemon.silent("not asked")
    /// What this host accepted last, as its state directory has it.
    public var accepted: GenerationMark?
    public var stateProblems: [String] = []
    public var directories: [Directory] = []
    /// Those that the configuration names.
    public var interfaces: Reading<[Interface]> = .known([])
    /// Entries of the program's table of interfaces: an interface sits at its index modulo this.
    public var interfacePlaces: UInt32
    public var ownAddresses: [OwnAddress] = []
    /// net.ipv4.ip_forward and net.ipv6.conf.all.forwarding.
    public var forwards4: Reading<Bool> = .known(false)
    public var forwards6: Reading<Bool> = .known(false)
    /// Connection tracking is loaded.
    public var tracksConnections = false
    public var services: Reading<[Service]> = .known([])
    /// Of the services, each once.
    public var vips: [VIPAddress] = []

    /// Nil where the host is alone.
    public var fleet: Fleet?
    /// Files that the store and discovery are asked with.
    public var secrets: [Secret] = []
    /// Nil where no source is named.
    public var discovery: Discovery?
    /// Of the listeners that are in force.
    public var certificates: [Certificate] = []

    /// Where backends take GUE.
    public var guePort: UInt16

    /// What the kernel program was made with.
    public init(interfacePlaces: UInt32, guePort: UInt16) {
        self.interfacePlaces = interfacePlaces
        self.guePort = guePort
    }

    public enum Mode: String, Hashable, Sendable {
        case auto, native, generic
    }
}
