// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import Glibc
import Model

/// Makes packets with a backend's probe mark leave this host as the balancer would send them to that backend: a
/// classifier on the egress of every interface. Works in the network namespace of its thread.
///
/// What is attached outlives it; the next one to attach takes it over, each interface in one step.
public final class TunnelProbes {
    /// Where packets of this host may leave. Links below a bridge or bond are not meant, as packets leave by that
    /// first.
    public struct Exits: Hashable, Sendable {
        /// Those whose packets begin with an Ethernet header.
        public var ethernet: [NetworkInterface]
        /// All others, the loopback among them. No probe can leave by these, and none may be answered there.
        public var others: [NetworkInterface]

        public init(ethernet: [NetworkInterface], others: [NetworkInterface]) {
            self.ethernet = ethernet
            self.others = others
        }
    }

    private let paths: PinPaths
    private let pins: PinPaths
    private let sources: String
    private let compiler: Compiler
    private var loaded: Loaded?

    private struct Loaded {
        let send: Program
        let stop: Program
        let ports: Map
    }

    public init(_ settings: DataplaneSettings) {
        paths = PinPaths(root: settings.bpfRoot)
        pins = paths.probe
        sources = settings.sources
        compiler = Compiler(clang: settings.clang, cache: settings.cache)
    }

    /// Whether this or an earlier process attached something.
    public var isInstalled: Bool {
        get throws(BPFError) { try Pin.exists(pins.root) }
    }

    /// Attaches to every exit that lacks the program. Before, backends' templates must have been applied.
    ///
    /// When it throws, a marked packet may leave as it is, to whoever the VIP's route leads to: then no probe may be
    /// marked.
    ///
    /// - Parameter steering: the interfaces that the balancer itself is attached to.
    public func attach(to exits: Exits, steering: [NetworkInterface]) throws(BPFError) {
        let loaded = try programs()
        // Ports first: a template without its port leaves by the wrong interface.
        try fill(loaded.ports, steering)
        try Pin.makeDirectory(pins.links)
        for interface in exits.ethernet { try attach(loaded.send, to: interface) }
        for interface in exits.others { try attach(loaded.stop, to: interface) }
        try forget(allBut: exits.ethernet + exits.others)
    }

    /// Takes it off every interface and removes its pins.
    public func remove() throws(BPFError) {
        try forget(allBut: [])
        try Pin.removeTree(pins.root)
        loaded = nil
    }
}

// MARK: - Programs

extension TunnelProbes {
    private func programs() throws(BPFError) -> Loaded {
        if let loaded { return loaded }
        let fresh = try load()
        loaded = fresh
        return fresh
    }

    private func load() throws(BPFError) -> Loaded {
        let object = try Object(path: try objectPath())
        try object.loadOnly([Self.sender, Self.stopper])
        for name in object.mapNames where !name.hasPrefix(".") && name != MAP_PROBE_PORTS {
            // It declares all of the balancer's maps, and some are as large as the host's number of CPUs says.
            let map = try Map.open(pinned: paths.map(name))
            try object.setMaxEntries(map.maxEntries, of: name)
            try object.reuse(map, as: name)
        }
        try object.load()
        return Loaded(
            send: try object.program(Self.sender), stop: try object.program(Self.stopper),
            ports: try object.map(MAP_PROBE_PORTS))
    }

    private func objectPath() throws(BPFError) -> String {
        do {
            return try compiler.compile(source: "\(sources)/probe.bpf.c", include: ["\(sources)/include"]).path
        } catch {
            let prebuilt = "\(sources)/probe.bpf.o"
            guard access(prebuilt, R_OK) == 0 else { throw error }
            return prebuilt
        }
    }

    /// By a template's `port`: 0 is 'by the interface it came in by', which only a sole interface says of a probe; the
    /// others are one more than keys of the device map.
    private func fill(_ probePorts: Map, _ steering: [NetworkInterface]) throws(BPFError) {
        let ports = try Map.open(pinned: paths.map(MAP_PORTS))
        try probePorts.update(UInt32(0), steering.count == 1 ? steering[0].index : 0)
        for key in 0..<UInt32(PORTS_MAX) {
            try probePorts.update(key + 1, try ports.lookup(key, as: UInt32.self) ?? 0)
        }
    }

    private static let sender = "probe"
    private static let stopper = "stop_probe"
}

// MARK: - Interfaces

extension TunnelProbes {
    private func attach(_ program: Program, to interface: NetworkInterface) throws(BPFError) {
        do {
            let pin = pins.link(interface.name)
            try Link.attachesToEgress
                ? attachLink(program, interface.index, pin) : attachFilter(program, interface.index, pin)
        } catch {
            // It may have gone meanwhile, and then nothing leaves by it.
            var name = [CChar](repeating: 0, count: Int(IF_NAMESIZE))
            if if_indextoname(interface.index, &name) != nil { throw error }
        }
    }

    private func attachLink(_ program: Program, _ interface: UInt32, _ pin: String) throws(BPFError) {
        if try Pin.exists(pin) {
            let link = try Link.open(pinned: pin)
            if try link.interface == interface {
                if try link.programID != program.id { try link.update(to: program) }
                return
            }
            // The interface went and another took its name, or it was renamed.
            try Pin.remove(pin)
        }
        try Link.attachEgress(program, interface: interface).pin(to: pin)
    }

    /// The pin keeps nothing alive; it says where to look when everything is to be removed.
    private func attachFilter(_ program: Program, _ interface: UInt32, _ pin: String) throws(BPFError) {
        if try EgressFilter.program(on: interface) != program.id {
            try EgressFilter.attach(program, interface: interface)
        }
        if try !Pin.exists(pin) { try program.pin(to: pin) }
    }

    private func forget(allBut kept: [NetworkInterface]) throws(BPFError) {
        let names = Set(kept.map { Pin.escaped($0.name) })
        for name in try Pin.list(pins.links) where !names.contains(name) {
            let pin = "\(pins.links)/\(name)"
            if !Link.attachesToEgress {
                let interface = if_nametoindex(Pin.unescaped(name))
                if interface != 0 { try EgressFilter.remove(from: interface) }
            }
            // The link ends with its pin.
            try Pin.remove(pin)
        }
    }
}

extension PinPaths {
    /// What health probes through the tunnel need.
    var probe: PinPaths { PinPaths(root: "\(root)/probe") }
}
