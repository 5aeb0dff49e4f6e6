// SPDX-License-Identifier: Apache-2.0

/// Names one backend of one service on every host: 1...32,767. It is given once and carried from generation to
/// generation.
public struct BackendID: RawRepresentable, Hashable, Comparable, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }
    public static func < (one: BackendID, other: BackendID) -> Bool { one.rawValue < other.rawValue }
}

/// Names a service on every host: 1...512.
public struct ServiceID: RawRepresentable, Hashable, Comparable, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }
    public static func < (one: ServiceID, other: ServiceID) -> Bool { one.rawValue < other.rawValue }
}

/// One backend as a person or a catalog named it.
public struct Backend: Hashable, Sendable {
    /// Unique in its service. Its UTF-8 bytes order the table, seed its permutation and key its id and overrides.
    public var name: String
    public var address: IPAddress
    /// Its own port: serves its probes only where the packet keeps the VIP's.
    public var port: UInt16
    /// 0...1,000,000 relative to its service's others; 0 takes no new flows.
    public var weight: UInt32

    public init(name: String, address: IPAddress, port: UInt16, weight: UInt32 = 1) {
        self.name = name
        self.address = address
        self.port = port
        self.weight = weight
    }
}
