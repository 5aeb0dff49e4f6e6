// SPDX-License-Identifier: Apache-2.0

import Model

/// What one host adds to a generation: its interfaces, its ways to the backends, what its probes see down.
public struct HostView: Hashable, Sendable {
    /// Those that the program is attached to.
    public var interfaces: [NetworkInterface]
    /// How packets reach each backend's address; a backend that is missing here is dropped for with a reason.
    public var nextHops: [IPAddress: NextHop]
    /// The outer source addresses lie in these.
    public var sourcePrefix4: IPPrefix
    public var sourcePrefix6: IPPrefix
    public var down: Set<BackendID>
    /// Services of whose TCP connections this host's sockets still hold some: their packets are passed.
    public var handover: Set<ServiceID>

    public init(
        interfaces: [NetworkInterface], nextHops: [IPAddress: NextHop] = [:],
        sourcePrefix4: IPPrefix = HostView.defaultSource4, sourcePrefix6: IPPrefix = HostView.defaultSource6,
        down: Set<BackendID> = [], handover: Set<ServiceID> = []
    ) {
        self.interfaces = interfaces
        self.nextHops = nextHops
        self.sourcePrefix4 = sourcePrefix4
        self.sourcePrefix6 = sourcePrefix6
        self.down = down
        self.handover = handover
    }

    /// Nobody's: what a fleet part is imaged on.
    static let nowhere = HostView(interfaces: [])
}

extension HostView {
    /// 172.16.0.0/16.
    public static let defaultSource4 = prefix(IPAddress(v4: 0xac10_0000), 16)
    /// 0100::/64, which RFC 6666 sets aside to be discarded.
    public static let defaultSource6 = prefix(IPAddress(high: 0x0100_0000_0000_0000, low: 0), 64)

    private static func prefix(_ address: IPAddress, _ length: Int) -> IPPrefix {
        guard let prefix = IPPrefix(address, length: length) else {
            preconditionFailure("\(length) is a length of both families")
        }
        return prefix
    }
}

/// Which entry of the device map stands for which interface. An interface keeps its entry as long as it is needed, so
/// that templates stay as they are.
public struct PortAssignment: Hashable, Sendable {
    /// Interface indices by key.
    public private(set) var interfaces: [UInt32: UInt32]
    private let limit: UInt32

    public init(interfaces: [UInt32: UInt32] = [:], limit: UInt32) {
        self.interfaces = interfaces
        self.limit = limit
    }

    public func key(of interface: UInt32) -> UInt32? {
        interfaces.first { $0.value == interface }?.key
    }

    /// Gives each a key, the lowest free; one that no key is left for has none. Others are forgotten.
    ///
    /// A key that is forgotten now is not given again now: until all is stored, backends name it with its old interface
    /// in mind.
    public mutating func keep(_ needed: Set<UInt32>) {
        let before = interfaces
        interfaces = interfaces.filter { needed.contains($0.value) }
        for interface in needed.sorted() where key(of: interface) == nil {
            guard let free = (0..<limit).first(where: { before[$0] == nil && interfaces[$0] == nil }) else { return }
            interfaces[free] = interface
        }
    }
}
