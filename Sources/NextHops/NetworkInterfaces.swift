// SPDX-License-Identifier: Apache-2.0

import CLinux
import EventLoop
import Glibc
import Model

/// The interfaces of the calling thread's network namespace.
public enum NetworkInterfaces {
    /// Sorted by index.
    public static func list() throws -> [NetworkLink] {
        var socket = try NetlinkSocket()
        return try socket.ask(.links).map { try NetworkLink(netlink: $0.body) }
            .sorted { $0.interface.index < $1.interface.index }
    }

    /// Nil where there is none of this name.
    public static func find(_ name: String) throws -> NetworkLink? {
        try list().first { $0.interface.name == name }
    }

    /// The driver's name, as ethtool(8) says it; nil for interfaces without one.
    public static func driver(of name: String) throws(EventLoopError) -> String? {
        let socket = try Self.socket()
        var text = [CChar](repeating: 0, count: 32)
        guard linux_ethtool_driver(socket.rawValue, name, &text) == 0 else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Which offloads are on; what the driver does not say is left out.
    public static func offloads(of name: String) throws(EventLoopError) -> Set<Offload> {
        let socket = try Self.socket()
        return Set(Offload.allCases.filter { linux_ethtool_flag(socket.rawValue, name, $0.command) == 1 })
    }

    private static func socket() throws(EventLoopError) -> Descriptor {
        try Descriptor(adopting: linux_datagram_socket(), operation: "open socket for", subject: "ethtool")
    }
}

/// What an interface does in the kernel's place.
public enum Offload: String, Hashable, Sendable, CaseIterable {
    case receiveChecksum, transmitChecksum, segmentation, genericSegmentation, genericReceive

    var command: UInt32 {
        switch self {
        case .receiveChecksum: UInt32(ETHTOOL_GRXCSUM)
        case .transmitChecksum: UInt32(ETHTOOL_GTXCSUM)
        case .segmentation: UInt32(ETHTOOL_GTSO)
        case .genericSegmentation: UInt32(ETHTOOL_GGSO)
        case .genericReceive: UInt32(ETHTOOL_GGRO)
        }
    }
}
