// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import EventLoop
import Glibc
import Logging
import Model
import Relay

/// The host's listening sockets, one a listener and worker, and the kernel's choice among them. They stay open whatever
/// becomes of the workers: what comes meanwhile waits in their queues.
struct ListenerSockets {
    let workers: Int
    private let settings: Settings
    private let logger: Logger
    /// Of each listener by the workers' slots; from `workers` on those that are left of more workers.
    private(set) var sockets: [ListenerKey: [Int: OwnedDescriptor]] = [:]
    private var choice: ListenerChoice?
    private var hasTried = false
    /// What the kernel was told of each listener.
    private var directions: [ListenerKey: Direction] = [:]

    private struct Direction: Hashable {
        let key: FlowKey
        let gathersSources: Bool
        let seed: UInt64
        let first: Int
    }

    struct Settings: Sendable {
        /// Of the kernel programs' sources; where objects are kept; where the choice's maps are pinned.
        var sources: String
        var cache: String
        var pins: String
    }

    private static let backlog: Int32 = 4096

    init(workers: Int, settings: Settings, logger: Logger) {
        self.workers = workers
        self.settings = settings
        self.logger = logger
    }

    var keys: Set<ListenerKey> { Set(sockets.keys) }

    /// Takes over a socket that an earlier daemon opened. Where its place is another's, or there are fewer workers than
    /// there were, it goes behind the workers' own: what waits in its queue is not lost.
    ///
    /// - Returns: its place.
    mutating func adopt(_ socket: OwnedDescriptor, for key: ListenerKey, slot: Int) -> Int {
        let known = sockets[key] ?? [:]
        let cookie = Self.cookie(of: socket.descriptor)
        if let same = known.first(where: { Self.cookie(of: $0.value.descriptor) == cookie }) { return same.key }
        var place = slot
        if place >= workers || known[place] != nil {
            place = workers
            while known[place] != nil { place += 1 }
        }
        sockets[key, default: [:]][place] = socket
        return place
    }

    /// The places of a listener's sockets that a worker takes from: its own, and its part of those behind.
    func places(of key: ListenerKey, slot: Int) -> [Int] {
        (sockets[key] ?? [:]).keys.filter { $0 % workers == slot }.sorted()
    }

    /// Opens what is missing.
    ///
    /// - Throws: the first that cannot be opened; none of this key is kept that was not there.
    mutating func open(_ key: ListenerKey) throws(EventLoopError) {
        var opened = sockets[key] ?? [:]
        for slot in 0..<workers where opened[slot] == nil { opened[slot] = OwnedDescriptor(try Self.socket(key.vip)) }
        sockets[key] = opened
    }

    /// Closes those of this host's; a worker that has them still accepts.
    mutating func close(_ key: ListenerKey) {
        sockets[key] = nil
        guard directions.removeValue(forKey: key) != nil else { return }
        do {
            try choice?.forget(key.vip)
        } catch {
            // It chose among sockets that are gone; the next listener there overwrites it.
        }
    }

    /// Makes the kernel choose the worker by the flow's hash, so that it is the one that user space expects. Where it
    /// cannot, the kernel spreads by a hash of its own.
    ///
    /// - Returns: what that means for the service; nil: nothing that a person need know.
    mutating func direct(_ placed: PlacedService, _ key: ListenerKey, seed: UInt64) -> String? {
        guard let slots = sockets[key] else { return nil }
        // Places of a service are its own, so that a daemon that comes later finds them without being told.
        let first = Int(placed.id.rawValue) * Int(WORKERS_MAX) % Int(LISTENERS_MAX)
        // Where a source has a limit one worker is to count all of its connections.
        let gathers = placed.service.relay.maxConnectionsPerSource != nil
        let flowKey = placed.service.flowKey
        let direction = Direction(key: flowKey, gathersSources: gathers, seed: seed, first: first)
        let known = directions[key]
        guard known != direction else { return nil }
        guard let choice = loaded() else { return spreading(placed) }
        do {
            for (slot, socket) in slots where slot < workers && known?.first != first {
                try choice.place(socket.descriptor, at: first + slot)
            }
            try choice.direct(
                key.vip, by: flowKey, seed: seed, toWorkers: workers, first: first, gathersSources: gathers)
            if known == nil, let socket = slots.first?.value { try choice.attach(to: socket.descriptor) }
            // Not before: what the kernel has not taken is told again with the next order.
            directions[key] = direction
            return nil
        } catch {
            logger.warning("the kernel chooses the worker", metadata: ["listener": "\(key.vip)", "cause": "\(error)"])
            return spreading(placed)
        }
    }

    private func spreading(_ placed: PlacedService) -> String? {
        guard workers > 1, let limit = placed.service.relay.maxConnectionsPerSource else { return nil }
        return "service \(placed.service.name): each of \(workers) workers lets a source have \(limit) connections, as "
            + "the kernel spreads them; the log says why"
    }

    private mutating func loaded() -> ListenerChoice? {
        guard !hasTried else { return choice }
        hasTried = true
        do {
            let object = try Compiler(cache: settings.cache).compile(source: "\(settings.sources)/reuseport.bpf.c")
            choice = try ListenerChoice(object: object.path, pins: settings.pins)
        } catch {
            logger.warning("the kernel chooses the workers", metadata: ["cause": "\(error)"])
        }
        return choice
    }

    /// Says so where no packet of the VIP can come to a socket of this host.
    static func warning(of vip: VIP) -> String? {
        do {
            let address = SocketAddress(high: vip.address.high, low: vip.address.low, port: 0)
            try Descriptor.datagram(for: address).bind(to: address)
            return nil
        } catch {
            guard error.errno == EADDRNOTAVAIL else { return nil }
            let length = vip.address.isIPv4 ? 32 : 128
            return "\(vip): nothing comes to its sockets, as the address is not this host's: "
                + "ip address add \(vip.address)/\(length) dev lo"
        }
    }

    private static func socket(_ vip: VIP) throws(EventLoopError) -> Descriptor {
        let address = SocketAddress(high: vip.address.high, low: vip.address.low, port: vip.port)
        switch vip.transport {
        case .tcp: return try .listener(on: address, backlog: backlog, reusePort: true, freely: true)
        case .udp: return try .datagramListener(on: address, reusePort: true, freely: true)
        }
    }
}
