// SPDX-License-Identifier: Apache-2.0

extension Facts {
    /// What the running kernel can do.
    public struct Kernel: Hashable, Sendable {
        public var major: Int
        public var minor: Int
        public var xdp = true
        public var xdpLink = true
        public var coarseClock = true
        public var xdpFragments = true
        public var reuseport = true
        /// membarrier(2) has its global command.
        public var membarrier = true
        public var typeInformation = true
        /// net.core.bpf_jit_enable; network namespaces other than the first do not show it.
        public var jit: Reading<Bool> = .known(true)

        public init(major: Int, minor: Int) {
            self.major = major
            self.minor = minor
        }

        func isBefore(_ major: Int, _ minor: Int) -> Bool { (self.major, self.minor) < (major, minor) }

        var subject: String { "kernel \(major).\(minor)" }
    }

    /// Where programs come from.
    public struct Build: Hashable, Sendable {
        /// The folder of the sources and of the prebuilt program.
        public var folder = ""
        /// The compiler's path.
        public var clang: String?
        public var hasSources = false
        public var hasPrebuilt = false

        public init() {}
    }

    /// What lies on bpffs.
    public struct Pins: Hashable, Sendable {
        public var root: String
        public var isMounted: Bool
        /// The program that the pins hold.
        public var program: Program?
        public var links: [Link]
        /// Names of the maps that are there and of those that are missing.
        public var maps: [String]
        public var missingMaps: [String]

        public init(
            root: String, isMounted: Bool, program: Program? = nil, links: [Link] = [], maps: [String] = [],
            missingMaps: [String] = []
        ) {
            self.root = root
            self.isMounted = isMounted
            self.program = program
            self.links = links
            self.maps = maps
            self.missingMaps = missingMaps
        }

        public struct Program: Hashable, Sendable {
            public var id: UInt32
            /// `1f3a (IPv4, IPIP, tracking)`.
            public var name: String
            public var isPrebuilt: Bool

            public init(id: UInt32, name: String, isPrebuilt: Bool = false) {
                self.id = id
                self.name = name
                self.isPrebuilt = isPrebuilt
            }
        }

        public struct Link: Hashable, Sendable {
            /// The pin's file, below the root.
            public var path: String
            /// Name of the interface that it was pinned for.
            public var interface: String
            /// The interface that it holds; 0 for none.
            public var index: UInt32
            public var programID: UInt32

            public init(path: String, interface: String, index: UInt32, programID: UInt32) {
                self.path = path
                self.interface = interface
                self.index = index
                self.programID = programID
            }
        }
    }
}
