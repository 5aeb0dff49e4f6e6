// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import EventLoop
import Glibc
import Model

/// Which worker's socket takes what comes to a VIP: the kernel's program of `reuseport.bpf.c`, with its sockets and
/// groups.
///
/// Order matters: sockets are bound, then `place`d, then the group is `direct`ed to them, then one of them is `attach`ed.
/// On an upgrade the new sockets join the bound ones and are placed elsewhere, and one `direct` sends what is new to them.
public final class ListenerChoice: Sendable {
    private let program: Program
    private let sockets: Map
    private let groups: Map
    /// The kernel hands what a closing listener has not accepted to the group's others (Linux 5.14).
    public let migrates: Bool

    /// Loads the program; nothing is attached.
    ///
    /// - Parameter path: of the compiled object.
    /// - Throws: what the kernel has against it.
    public init(object path: String) throws(BPFError) {
        let loaded: Object
        do throws(BPFError) {
            loaded = try Self.load(path, "listen_migrate")
            migrates = true
        } catch {
            // A kernel before 5.14: it has no such attach type, and the context ends before the migrating socket.
            loaded = try Self.load(path, "listen_choose")
            migrates = false
        }
        program = try loaded.program(migrates ? "listen_migrate" : "listen_choose")
        sockets = try loaded.map(MAP_LISTENERS)
        groups = try loaded.map(MAP_LISTENER_GROUPS)
    }

    private static func load(_ path: String, _ program: String) throws(BPFError) -> Object {
        let object = try Object(path: path)
        try object.loadOnly([program])
        try object.load()
        return object
    }

    /// Puts a bound socket (of TCP: a listening one) of a SO_REUSEPORT group at its place. It leaves when it closes.
    public func place(_ socket: borrowing Descriptor, at place: Int) throws(BPFError) {
        try sockets.update(UInt32(place), UInt64(socket.rawValue))
    }

    /// Sends what comes to the service's VIP from now on to the sockets at `first` and after: by one store.
    public func direct(_ service: RelayService, toWorkers workers: Int, first: Int) throws(BPFError) {
        let flags =
            (service.flowKey == .sourceIP ? VIP_SOURCE_IP.rawValue : 0)
            | (service.vip.port == 0 ? VIP_ANY_PORT.rawValue : 0)
        let group = GroupEntry(
            seed: service.seed, first: UInt32(first), workers: UInt16(workers),
            flags: UInt16(truncatingIfNeeded: flags))
        try groups.update(GroupKey(service.vip), group)
    }

    /// What comes is the kernel's to spread again.
    public func forget(_ vip: VIP) throws(BPFError) { try groups.delete(GroupKey(vip)) }

    /// Makes the program choose for all sockets of this one's group, now and later ones.
    public func attach(to socket: borrowing Descriptor) throws(EventLoopError) {
        try socket.setOption(SOL_SOCKET, Self.attachReuseport, program.descriptor)
    }

    /// SO_ATTACH_REUSEPORT_EBPF, which the C library's headers leave out.
    private static let attachReuseport: Int32 = 52
}

/// `struct listener_key`: as words, since Swift does not take C's unions for plain bytes.
private struct GroupKey: BitwiseCopyable {
    let high: UInt64
    let low: UInt64
    let port: UInt16
    let transport: UInt16
    let reserved: UInt32

    init(_ vip: VIP) {
        let address = CDataplane.address(vip.address)
        (high, low) = (address.halves.0, address.halves.1)
        port = vip.port.bigEndian
        transport = UInt16(vip.transport.rawValue)
        reserved = 0
    }
}

/// `struct listener_group`.
private struct GroupEntry: BitwiseCopyable {
    let seed: UInt64
    let first: UInt32
    let workers: UInt16
    let flags: UInt16
}
