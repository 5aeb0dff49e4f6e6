// SPDX-License-Identifier: Apache-2.0

import Model

extension Facts {
    /// An interface that the configuration names.
    public struct Interface: Hashable, Sendable {
        public var name: String
        /// Nil where there is none of this name.
        public var link: Link?
        /// Effective values: the greater of the interface's and that of `all`. Zero where none is known.
        public var rpFilter: Int
        public var arpIgnore: Int

        public init(name: String, link: Link?, rpFilter: Int = 0, arpIgnore: Int = 0) {
            self.name = name
            self.link = link
            self.rpFilter = rpFilter
            self.arpIgnore = arpIgnore
        }

        public struct Link: Hashable, Sendable {
            public var index: UInt32
            public var isUp = true
            public var hasCarrier = true
            public var isEthernet = true
            public var isLoopback = false
            /// As ethtool says it.
            public var driver: String?
            /// As the kernel names it: "vlan", "bond", "bridge", "veth", ...; nil for hardware.
            public var kind: String?
            /// What a VLAN device sits on.
            public var parent: String?
            /// The bond or bridge that it belongs to.
            public var master: Master?
            /// Identifiers of the VLAN devices on it.
            public var vlans: [UInt16] = []
            /// In bytes of IP.
            public var mtu: UInt16
            /// The largest that the driver takes now; nil where it does not say.
            public var mtuMax: UInt32?
            public var queues = Queues(receive: 1, receiveMax: 1)
            public var offloads: Set<Offload> = []
            public var attached: Attached?

            public init(index: UInt32, mtu: UInt16, driver: String? = nil, kind: String? = nil) {
                self.index = index
                self.mtu = mtu
                self.driver = driver
                self.kind = kind
            }
        }

        public struct Master: Hashable, Sendable {
            public var name: String
            public var kind: String?

            public init(name: String, kind: String?) {
                self.name = name
                self.kind = kind
            }
        }

        public struct Queues: Hashable, Sendable {
            public var receive: Int
            public var receiveMax: Int

            public init(receive: Int, receiveMax: Int) {
                self.receive = receive
                self.receiveMax = receiveMax
            }
        }

        /// Named as `ethtool -K` has them.
        public enum Offload: String, Hashable, Sendable, CaseIterable {
            case tx, tso, gso, gro, lro, rxvlan
        }

        /// The XDP program on it, whoever put it there.
        public struct Attached: Hashable, Sendable {
            public enum Mode: String, Hashable, Sendable {
                case native, generic
                /// The network card itself runs it.
                case hardware
            }

            public var mode: Mode
            public var programID: UInt32
            public var programName: String?

            public init(mode: Mode, programID: UInt32, programName: String? = nil) {
                self.mode = mode
                self.programID = programID
                self.programName = programName
            }
        }
    }

    /// An address of this host.
    public struct OwnAddress: Hashable, Sendable {
        public var interface: String
        public var address: IPAddress
        /// What is reached without a gateway by it.
        public var network: IPPrefix

        public init(interface: String, address: IPAddress, network: IPPrefix) {
            self.interface = interface
            self.address = address
            self.network = network
        }
    }
}
