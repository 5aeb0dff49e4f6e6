// SPDX-License-Identifier: Apache-2.0

import Model

extension Facts {
    /// A service, and what was found out about its backends.
    public struct Service: Hashable, Sendable {
        public var name: String
        public var vip: VIP
        public var forwarding: Forwarding
        /// Nil where nothing is probed.
        public var check: Check?
        public var backends: [Backend]

        public init(name: String, vip: VIP, forwarding: Forwarding, check: Check? = nil, backends: [Backend] = []) {
            self.name = name
            self.vip = vip
            self.forwarding = forwarding
            self.check = check
            self.backends = backends
        }

        public enum Check: Hashable, Sendable {
            /// To the backend's own address.
            case direct
            case throughTunnel
        }

        public struct Backend: Hashable, Sendable {
            public var name: String
            public var address: IPAddress
            public var port: UInt16
            /// How packets reach it; nil where they need no way.
            public var way: Reading<Way>?
            public var standing: Reading<Standing>

            public init(
                name: String, address: IPAddress, port: UInt16, way: Reading<Way>? = nil,
                standing: Reading<Standing> = .known(.up)
            ) {
                self.name = name
                self.address = address
                self.port = port
                self.way = way
                self.standing = standing
            }
        }

        public enum Way: Hashable, Sendable {
            case hop(interface: String, mtu: UInt16, destination: MACAddress)
            case none(NoWay)
        }

        /// What this host's probes see.
        public enum Standing: Hashable, Sendable {
            case up
            /// Nothing was probed yet.
            case untried
            /// `cause` is what the last probe said, `own` what a connect to its own address came to now.
            case down(cause: String?, own: OwnAnswer?)
        }

        public enum OwnAnswer: Hashable, Sendable {
            case answers
            case fails(String)
        }
    }

    /// Why an address has no next hop.
    public enum NoWay: Hashable, Sendable {
        case noRoute
        case blackhole
        /// It is this host's own.
        case local
        case notUnicast
        case noNeighbour(IPAddress, interface: String)
        case linkDown(interface: String)
        case notEthernet(interface: String)
    }

    /// An address that services have.
    public struct VIPAddress: Hashable, Sendable {
        public var address: IPAddress
        public var route: Reading<Route>
        /// Others that answer when asked who has it; empty where nobody was asked or answered.
        public var answers: [Answer]

        public init(address: IPAddress, route: Reading<Route>, answers: [Answer] = []) {
            self.address = address
            self.route = route
            self.answers = answers
        }

        /// What this host would do with a packet for it.
        public enum Route: Hashable, Sendable {
            /// It is this host's own.
            case local
            /// A route leads away from here.
            case away
            /// It ends here: no route, or one that swallows it.
            case nowhere
        }

        public struct Answer: Hashable, Sendable {
            public var interface: String
            public var hardware: MACAddress

            public init(interface: String, hardware: MACAddress) {
                self.interface = interface
                self.hardware = hardware
            }
        }
    }
}
