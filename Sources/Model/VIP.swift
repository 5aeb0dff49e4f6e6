// SPDX-License-Identifier: Apache-2.0

/// The transports that are balanced; raw values are IP's protocol numbers.
public enum TransportProtocol: UInt8, Hashable, Sendable, CaseIterable {
    case tcp = 6
    case udp = 17
}

/// What clients dial: address, port and protocol. Port 0 stands for any.
public struct VIP: Hashable, Sendable {
    public let address: IPAddress
    public let port: UInt16
    public let transport: TransportProtocol

    public init(address: IPAddress, port: UInt16, transport: TransportProtocol) {
        self.address = address
        self.port = port
        self.transport = transport
    }
}

extension VIP: Comparable {
    public static func < (one: VIP, other: VIP) -> Bool {
        (one.address, one.port, one.transport.rawValue) < (other.address, other.port, other.transport.rawValue)
    }
}
