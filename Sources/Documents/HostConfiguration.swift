// SPDX-License-Identifier: Apache-2.0

import Model

/// What one host is: `sluiced.yaml`, read when the daemon starts.
public struct HostConfiguration: Hashable, Sendable {
    /// Its name in logs and reports.
    public var host: String
    /// Where packets come in; never empty.
    public var interfaces: [String]
    public var datapath = Datapath()
    public var directories = Directories()
    /// The path of the services document, in terms of the working directory; without meaning where the store is
    /// shared, since then what a person applied lies there.
    public var services: String
    public var coordination = CoordinationSettings()
    /// Nil: services have the backends that are written down, and no others.
    public var discovery: DiscoverySource?
    public var admin = Admin()
    public var workers = Workers()
    public var templates: [TemplateDefinition] = []

    public init(host: String, interfaces: [String], services: String = HostConfiguration.servicesName) {
        self.host = host
        self.interfaces = interfaces
        self.services = services
    }

    /// Of the services document, beside the host's own, unless told otherwise.
    public static let servicesName = "services.yaml"

    /// How packets are taken from the interfaces.
    public struct Datapath: Hashable, Sendable {
        public enum Mode: String, Hashable, Sendable, CaseIterable {
            /// Native, else generic, else sockets.
            case auto
            case native, generic, sockets
        }

        /// What to do where an interface has an XDP program that is not ours.
        public enum Foreign: String, Hashable, Sendable, CaseIterable {
            case refuse, replace
        }

        public var mode = Mode.auto
        /// Outer sources of encapsulated packets: 8...32 bits long, and 8...64.
        public var sourcePrefix = constant(IPPrefix(IPAddress(v4: 0xac10_0000), length: 16))
        public var sourcePrefix6 = constant(IPPrefix(IPAddress(high: 0x0100 << 48, low: 0), length: 64))
        /// Where program, maps and links are pinned.
        public var bpfRoot = "/sys/fs/bpf/sluice"
        public var foreign = Foreign.refuse

        public init() {}
    }

    /// Absolute paths without a slash at the end.
    public struct Directories: Hashable, Sendable {
        public var state = "/var/lib/sluice"
        public var cache = "/var/cache/sluice"
        public var run = "/run/sluice"
        /// Of the kernel programs' source.
        public var bpf = "/usr/share/sluice/bpf"

        public init() {}
    }

    /// The processes that carry what goes through sockets.
    public struct Workers: Hashable, Sendable {
        /// Nil: one a CPU.
        public var count: Int?
        /// Whom they run as: one who may do nothing.
        public var user = "nobody"

        public static let countMax = 64

        public init() {}
    }

    public struct Admin: Hashable, Sendable {
        /// Whose members may change things through the admin socket, besides root.
        public var group = "sluice"
        /// Where metrics are read.
        public var metrics = Endpoint(address: IPAddress(v4: 0x7f00_0001), port: 9464)

        public init() {}
    }
}

/// An address and a port, `127.0.0.1:9464` or `[::1]:9464`.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    public var address: IPAddress
    public var port: UInt16

    public init(address: IPAddress, port: UInt16) {
        self.address = address
        self.port = port
    }

    /// Nil where the text is none, or its port 0.
    public init?(_ text: String) {
        guard let place = HostPort(text), let address = IPAddress(place.host) else { return nil }
        self.init(address: address, port: place.port)
    }

    public var description: String { address.isIPv4 ? "\(address):\(port)" : "[\(address)]:\(port)" }
}

/// For defaults written in this file, which are prefixes.
private func constant(_ prefix: IPPrefix?) -> IPPrefix {
    guard let prefix else { preconditionFailure("a default is no prefix") }
    return prefix
}
