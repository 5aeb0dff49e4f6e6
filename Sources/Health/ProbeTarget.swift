// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Model

/// One backend of one service, with how it is probed.
public struct ProbeTarget: Hashable, Sendable {
    /// Names a backend of a service.
    public struct Key: Hashable, Sendable, Comparable {
        public var service: String
        public var backend: String

        public init(service: String, backend: String) {
            self.service = service
            self.backend = backend
        }

        public static func < (one: Key, other: Key) -> Bool {
            (one.service, one.backend) < (other.service, other.backend)
        }
    }

    public var key: Key
    /// Where the probe connects to.
    public var address: IPAddress
    /// 0: nothing is said that could be probed, and nothing is.
    public var port: UInt16
    public var check: HealthCheck
    /// Not probed yet: what is known of it stays as it is.
    public var isHeld = false
    /// Of the probe's packets, by which the kernel sends them into the backend's tunnel; nil for none.
    public var mark: UInt32?

    public init(key: Key, address: IPAddress, port: UInt16, check: HealthCheck, mark: UInt32? = nil) {
        self.key = key
        self.address = address
        self.port = port
        self.check = check
        self.mark = mark
    }

    /// Where a check goes. Through the tunnel it is the VIP's address, and the mark chooses the backend; without a mark
    /// (where the kernel cannot do it) it is the backend's own address.
    public init(service: String, backend: Backend, vip: VIP, check: HealthCheck, mark: UInt32?) {
        let mark = check.throughTunnel ? mark : nil
        let port = check.probe.port ?? (mark != nil && vip.port != 0 ? vip.port : backend.port)
        self.init(
            key: Key(service: service, backend: backend.name), address: mark == nil ? backend.address : vip.address,
            port: port, check: check, mark: mark)
    }

    /// What its results are about: results of another subject say nothing.
    var subject: Subject { Subject(address: address, port: port, probe: check.probe, mark: mark, isHeld: isHeld) }

    struct Subject: Hashable {
        var address: IPAddress
        var port: UInt16
        var probe: HealthCheck.Probe
        var mark: UInt32?
        var isHeld: Bool
    }

    var socketAddress: SocketAddress { SocketAddress(high: address.high, low: address.low, port: port) }
}

extension HealthCheck.Probe {
    /// The port that the check itself names.
    var port: UInt16? {
        switch self {
        case .tcp(let port): port
        case .http(let port, _, _, _): port
        }
    }
}
