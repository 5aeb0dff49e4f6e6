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
    /// - Parameters:
    ///   - path: of the compiled object.
    ///   - pins: a folder on a bpffs where the maps are kept, so that the next process goes on with the sockets that are
    ///     placed: a socket is in one map at a time.
    /// - Throws: what the kernel has against it.
    public init(object path: String, pins: String? = nil) throws(BPFError) {
        if let pins { try Pin.makeDirectory(pins) }
        let loaded: Object
        do throws(BPFError) {
            loaded = try Self.load(path, "listen_migrate", pins)
            migrates = true
        } catch {
            // A kernel before 5.14: it has no such attach type, and the context ends before the migrating socket.
            loaded = try Self.load(path, "listen_choose", pins)
            migrates = false
        }
        program = try loaded.program(migrates ? "listen_migrate" : "listen_choose")
        sockets = try loaded.map(MAP_LISTENERS)
        groups = try loaded.map(MAP_LISTENER_GROUPS)
        guard let pins else { return }
        for name in Self.maps where try !Pin.exists(Self.pin(name, pins)) {
            try loaded.map(name).pin(to: Self.pin(name, pins))
        }
    }

    private static let maps = [MAP_LISTENERS, MAP_LISTENER_GROUPS]

    private static func pin(_ name: String, _ pins: String) -> String { "\(pins)/\(name)_v\(LAYOUT_VERSION)" }

    private static func load(_ path: String, _ program: String, _ pins: String?) throws(BPFError) -> Object {
        let object = try Object(path: path)
        try object.loadOnly([program])
        for name in maps {
            guard let pins, try Pin.exists(pin(name, pins)) else { continue }
            try object.reuse(try Map.open(pinned: pin(name, pins)), as: name)
        }
        try object.load()
        return object
    }

    /// Puts a bound socket (of TCP: a listening one) of a SO_REUSEPORT group at its place. It leaves when it closes.
    public func place(_ socket: borrowing Descriptor, at place: Int) throws(BPFError) {
        do {
            try sockets.update(UInt32(place), UInt64(socket.rawValue))
        } catch {
            // It has a place already, by an earlier process of this host: this one, or one from before a change.
            guard error.errno == EBUSY, let cookie = Self.cookie(of: socket) else { throw error }
            if try holds(place, cookie) { return }
            for other in 0..<Int(LISTENERS_MAX) where try holds(other, cookie) { try sockets.delete(UInt32(other)) }
            try sockets.update(UInt32(place), UInt64(socket.rawValue))
        }
    }

    /// The kernel answers a socket's cookie for it.
    private func holds(_ place: Int, _ cookie: UInt64) throws(BPFError) -> Bool {
        try sockets.lookup(UInt32(place), as: UInt64.self) == cookie
    }

    /// SO_COOKIE, socket(7).
    private static func cookie(of socket: borrowing Descriptor) -> UInt64? {
        var cookie: UInt64 = 0
        var length = socklen_t(MemoryLayout<UInt64>.size)
        return getsockopt(socket.rawValue, SOL_SOCKET, SO_COOKIE, &cookie, &length) == 0 ? cookie : nil
    }

    /// Sends what comes to the service's VIP from now on to the sockets at `first` and after: by one store.
    public func direct(_ service: RelayService, toWorkers workers: Int, first: Int) throws(BPFError) {
        try direct(service.vip, by: service.flowKey, seed: service.seed, toWorkers: workers, first: first)
    }

    /// The same, of a service that is known by its VIP and its flow hash alone.
    ///
    /// - Parameter gathersSources: all of one source's connections meet in one worker, an IPv6 /64 being one source.
    public func direct(
        _ vip: VIP, by flowKey: FlowKey, seed: UInt64, toWorkers workers: Int, first: Int, gathersSources: Bool = false
    ) throws(BPFError) {
        let isBySource = gathersSources || flowKey == .sourceIP
        let flags =
            (isBySource ? VIP_SOURCE_IP.rawValue : 0) | (vip.port == 0 ? VIP_ANY_PORT.rawValue : 0)
            | (gathersSources ? UInt32(LISTENER_SOURCE_NET) : 0)
        let group = GroupEntry(
            seed: seed, first: UInt32(first), workers: UInt16(workers),
            flags: UInt16(truncatingIfNeeded: flags))
        try groups.update(GroupKey(vip), group)
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
