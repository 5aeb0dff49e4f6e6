// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Model

/// Relays TCP and UDP on one loop, as its table says. Several workers with a loop each share the work by sockets of one
/// SO_REUSEPORT group; each has its own counters and limits.
public actor RelayWorker {
    public nonisolated let loop: EventLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private let ledger = RelayLedger()
    private let limits: RelayLimits
    private(set) var tcp: TCPRelay?
    private(set) var udp: UDPRelay?
    private var table = RelayTable.empty

    public init(loop: EventLoop, limits: RelayLimits = RelayLimits()) {
        self.loop = loop
        self.limits = limits
    }

    /// Takes what comes to a VIP from now on: connections of a listening socket, datagrams of one that
    /// `Descriptor.datagramListener` made.
    public func listen(on socket: consuming Descriptor, for vip: VIP) throws(EventLoopError) {
        switch vip.transport {
        case .tcp: try tcpRelay().add(socket, for: vip)
        case .udp: try udpRelay().add(socket, for: vip)
        }
    }

    /// Takes a TCP connection that somebody else accepted, and of which nothing was read, for the service of a VIP.
    ///
    /// - Parameter arrival: the address that the client dialled.
    public func adopt(
        _ socket: consuming Descriptor, from client: SocketAddress, for vip: VIP, arrival: VIP
    ) throws(EventLoopError) {
        try tcpRelay().adopt(socket, from: client, for: vip, arrival: arrival)
    }

    /// Puts a table in force in one step: what comes from now on goes by it, connections under way keep their backends.
    public func apply(_ table: RelayTable) {
        self.table = table
        tcp?.apply(table)
        udp?.apply(table)
    }

    /// What each service has under way counts with what other workers have, in a place of its own among theirs.
    public func share(_ counts: SharedCounts, as holder: Int) { ledger.share(counts, as: holder) }

    /// Takes nothing more of this VIP: its listening socket is closed. TCP connections go on, UDP flows end.
    public func stopListening(on vip: VIP) {
        switch vip.transport {
        case .tcp: tcp?.remove(vip)
        case .udp: udp?.remove(vip)
        }
    }

    /// Takes nothing new; what is under way goes on. Listening sockets of TCP are closed; those of UDP are what its flows
    /// come by, and the group is to be directed elsewhere before.
    ///
    /// - Parameter handingOver: another process has the same sockets and takes over; UDP flows only give back answers.
    public func drain(handingOver: Bool = false) {
        tcp?.stopAccepting()
        udp?.stopTaking(handingOver: handingOver)
    }

    /// Resets what is still under way. The loop itself goes on.
    public func stop() {
        tcp?.stop()
        tcp = nil
        udp?.stop()
        udp = nil
    }

    public var counters: RelayCounters { ledger.snapshot() }

    /// Connections under way.
    public var connections: Int { tcp?.connections.count ?? 0 }

    /// UDP flows under way.
    public var flows: Int { udp?.flows.count ?? 0 }

    /// What it holds of connections' bytes now: never more than its limits.
    public var held: (buffers: Int, pipes: Int) { (tcp?.buffers.used ?? 0, tcp?.pipes.used ?? 0) }

    private func tcpRelay() throws(EventLoopError) -> TCPRelay {
        if let tcp { return tcp }
        let fresh = TCPRelay(loop: loop, limits: limits, ledger: ledger, secret: .random(in: .min ... .max))
        try fresh.start()
        fresh.apply(table)
        tcp = fresh
        return fresh
    }

    private func udpRelay() throws(EventLoopError) -> UDPRelay {
        if let udp { return udp }
        let fresh = UDPRelay(loop: loop, limits: limits, ledger: ledger, secret: .random(in: .min ... .max))
        try fresh.start()
        fresh.apply(table)
        udp = fresh
        return fresh
    }
}
