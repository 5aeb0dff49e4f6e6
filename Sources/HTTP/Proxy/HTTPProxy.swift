// SPDX-License-Identifier: Apache-2.0

import CLinux
import EventLoop
import Glibc

/// Serves HTTP/2 and HTTP/1.1 on one loop and hands requests on to services' backends, as its configuration says. For
/// the loop's thread alone; several workers with a loop each share listeners by SO_REUSEPORT.
///
/// What is gathered in a turn of the loop goes out at its end, with one send a connection. Nothing is allocated a
/// request: connections and exchanges are slots that are used again, heads go from one HPACK table to the other's as
/// bytes of one section, and content that cannot be sent at once waits in pooled blocks, no more of it than its flow
/// window.
public final class HTTPProxy {
    let loop: EventLoop
    let state: UnsafeMutablePointer<ProxyState>
    let connections: UnsafeMutablePointer<ConnectionRef?>
    let exchanges: UnsafeMutablePointer<ExchangeRef?>
    let input: UnsafeMutablePointer<UInt8>
    let scratch: UnsafeMutableBufferPointer<UInt8>
    let routes: UnsafeMutablePointer<ProxyRoutes>
    let ledger = RouteLedger()
    var accessLog: AccessLog?
    private(set) var forwarding = ForwardingSettings()
    var upstreams: [UpstreamRef] = []
    private var services: [UnsafeMutablePointer<UpstreamService>] = []
    private let listeners: UnsafeMutablePointer<Descriptor>
    /// Of each listener.
    private var servers: [TLSServer?] = []
    private(set) var listenerCount = 0
    var sink: SinkID?
    private var acceptSink: SinkID?
    private var isAcceptingPaused = false
    var ticker: TimerID?
    var ticks: UInt64 = 0

    static let exchangesMax = 32_768
    static let listenersMax = 256
    /// Of new octets that are read at once.
    static let inputBytes = 65_536
    /// Of input that is kept until more comes: a head of HTTP/1.1, or what follows it.
    static let heldBytes = 73_728
    /// Milliseconds.
    static let tick: Int64 = 50
    private static let acceptBudget = 64

    public init(loop: EventLoop, limits: ProxyLimits = ProxyLimits()) throws(EventLoopError) {
        self.loop = loop
        state = .allocate(capacity: 1)
        state.initialize(to: ProxyState(limits, exchanges: Self.exchangesMax))
        connections = .allocate(capacity: limits.connections)
        connections.initialize(repeating: nil, count: limits.connections)
        exchanges = .allocate(capacity: Self.exchangesMax)
        exchanges.initialize(repeating: nil, count: Self.exchangesMax)
        input = .allocate(capacity: Self.heldBytes)
        scratch = .allocate(capacity: 65_536)
        routes = .allocate(capacity: 1)
        routes.initialize(to: ProxyRoutes(ProxyConfiguration(), [], ledger))
        listeners = .allocate(capacity: Self.listenersMax)
    }

    /// Registers with the loop: to be called on its thread, before anything else.
    public func start() throws(EventLoopError) {
        state.pointee.now = MonotonicInstant.now.nanoseconds / 1_000_000
        sink = try loop.sink { [unowned(unsafe) self] token, readiness in ready(token, readiness) }
        acceptSink = try loop.sink { [unowned(unsafe) self] token, _ in accept(Int(token)) }
        // The loop keeps it for ever.
        loop.onTurn { [weak self] in self?.endTurn() ?? false }
        let ticker = loop.timer { [unowned(unsafe) self] in tick() }
        self.ticker = ticker
        loop.arm(ticker, after: .milliseconds(Self.tick))
    }

    /// Takes connections of a listening socket; with `tls` they speak it from their first octet.
    public func listen(on socket: consuming Descriptor, tls: TLSServer? = nil) throws(EventLoopError) {
        guard listenerCount < Self.listenersMax, let acceptSink else {
            throw EventLoopError(operation: "listen with proxy of", subject: loop.name, errno: ENOSPC)
        }
        let failure = loop.watch(
            socket.rawValue, for: .readable, sink: acceptSink, token: UInt64(listenerCount))
        guard failure == 0 else {
            throw EventLoopError(operation: "watch listener of", subject: loop.name, errno: failure)
        }
        (listeners + listenerCount).initialize(to: socket)
        servers.append(tls)
        listenerCount += 1
    }

    /// Takes a client's connection that somebody else accepted, and of which nothing was read.
    public func adopt(_ socket: consuming Descriptor, from client: SocketAddress, tls: TLSServer? = nil) {
        begin(socket.release(), client, tls)
    }

    /// New connections of a listener, by its place among those that were added, use these certificates; those under way
    /// keep theirs.
    public func replace(tls: TLSServer, ofListener number: Int) {
        if servers.indices.contains(number) { servers[number] = tls }
    }

    /// New connections of all listeners; nil: they speak in clear.
    public func replace(tls: TLSServer?) { servers = servers.map { _ in tls } }

    /// Puts a configuration in force in one step; exchanges under way keep their backends.
    public func apply(_ configuration: ProxyConfiguration) {
        let old = services
        let kept = upstreams
        for upstream in upstreams { upstream.pointee.isRetired = true }
        forwarding = configuration.forwarding
        state.pointee.forwardingStamp = (state.pointee.forwardingStamp &+ 1) & 0xffff_ffff
        services = configuration.services.map { service in
            let backends = service.backends.map { (upstream($0, service), $0.weight) }
            let made = UnsafeMutablePointer<UpstreamService>.allocate(capacity: 1)
            made.initialize(to: UpstreamService(backends))
            return made
        }
        routes.pointee = ProxyRoutes(configuration, services, ledger)
        for service in old {
            service.pointee.release()
            service.deallocate()
        }
        for upstream in kept where upstream.pointee.isRetired { retire(upstream) }
    }

    public var counters: ProxyCounters { state.pointee.counters }

    /// Connections open now, of clients and to backends.
    public var openConnections: Int { state.pointee.connectionCount }

    private func upstream(
        _ backend: ProxyConfiguration.Backend, _ service: ProxyConfiguration.Service
    ) -> UpstreamRef {
        for known in upstreams where known.pointee.serves(backend, service) {
            known.pointee.isRetired = false
            return known
        }
        let fresh = UpstreamRef.allocate(capacity: 1)
        fresh.initialize(
            to: Upstream(
                service: service.name, name: backend.name, address: backend.address, version: service.version,
                multiplexed: state.pointee.limits.multiplexedPerBackend))
        upstreams.append(fresh)
        return fresh
    }

    // MARK: Accepting

    private func accept(_ number: Int) {
        guard number < listenerCount else { return }
        var client = SocketAddress.loopback(port: 0)
        for _ in 0..<Self.acceptBudget {
            guard state.pointee.connectionCount < state.pointee.limits.connections else { return pauseAccepting() }
            let answer = listeners[number].acceptFrom(&client)
            guard answer >= 0 else {
                if answer != -EAGAIN { pauseAccepting() }
                return
            }
            begin(answer, client, servers[number])
        }
    }

    /// No connection, descriptor or memory is left: the queues keep what waits, and nobody spins over it.
    private func pauseAccepting() {
        isAcceptingPaused = true
        watchListeners(for: [])
    }

    /// A tick later, where there is room.
    func resumeAccepting() {
        guard isAcceptingPaused, state.pointee.connectionCount < state.pointee.limits.connections else { return }
        isAcceptingPaused = false
        watchListeners(for: .readable)
    }

    private func watchListeners(for interest: Readiness) {
        guard let acceptSink else { return }
        for number in 0..<listenerCount {
            let failure = loop.rewatch(
                listeners[number].rawValue, for: interest, sink: acceptSink, token: UInt64(number))
            // Tried again with the next tick.
            if failure != 0 { isAcceptingPaused = true }
        }
    }

    private func begin(_ socket: Int32, _ client: SocketAddress, _ server: TLSServer?) {
        guard let connection = open(socket, .client, server == nil ? .sniffing : .handshaking) else {
            close(socket)
            return
        }
        connection.pointee.peer = client
        if let server, !startTLS(connection, server) { return drop(connection) }
        state.pointee.counters.connections &+= 1
        arm(connection, state.pointee.limits.headTimeout)
        // Adopted while the proxy leaves: what it asks first is answered.
        if state.pointee.isDraining { leave(connection) }
        watch(connection)
    }

    /// A slot for a socket, which the caller closes where there is none.
    func open(_ socket: Int32, _ side: ProxyConnection.Side, _ stage: ProxyConnection.Stage) -> ConnectionRef? {
        guard state.pointee.connectionCount < state.pointee.limits.connections else { return nil }
        let limit = Int32(state.pointee.limits.connections)
        // Ends: there are fewer than the limit. Slots are left in the order in which they are looked for, mostly.
        var place = state.pointee.freeConnection
        while let taken = connections[Int(place)], taken.pointee.isOpen { place = place + 1 < limit ? place + 1 : 0 }
        let connection: ConnectionRef
        if let known = connections[Int(place)] {
            connection = known
        } else {
            connection = .allocate(capacity: 1)
            connection.initialize(to: ProxyConnection(index: place))
            connections[Int(place)] = connection
        }
        state.pointee.freeConnection = place
        state.pointee.connectionCount += 1
        connection.pointee.begin(socket, side, stage)
        var one: Int32 = 1
        _ = setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        return connection
    }

    func watch(_ connection: ConnectionRef) {
        guard let sink else { return }
        let failure = loop.watch(
            connection.pointee.socket, for: [.readable, .writable, .peerClosed, .edgeTriggered], sink: sink,
            token: connection.pointee.token)
        if failure != 0 { drop(connection) }
    }

    // MARK: Events

    private func ready(_ token: UInt64, _ readiness: Readiness) {
        let place = Int(UInt32(truncatingIfNeeded: token))
        guard place < state.pointee.limits.connections, let connection = connections[place],
            connection.pointee.isOpen && connection.pointee.token == token
        else { return }
        if !readiness.isDisjoint(with: [.error, .hangup, .peerClosed]) {
            connection.pointee.isEnding = true
            connection.pointee.isReadable = true
        } else if readiness.contains(.readable) {
            connection.pointee.isReadable = true
        }
        if connection.pointee.stage == .connecting { return connected(connection, readiness) }
        // Both directions are over: nobody is left to read what we wait for.
        if connection.pointee.isPaused && !readiness.isDisjoint(with: [.error, .hangup]) { return fail(connection) }
        // What TLS could not write may have waited for octets to read.
        if connection.pointee.tls != nil && !connection.pointee.isWritable {
            connection.pointee.isWritable = true
            markDirty(connection)
        }
        if readiness.contains(.writable) && !connection.pointee.isWritable {
            connection.pointee.isWritable = true
            markDirty(connection)
        }
        if connection.pointee.isReadable || connection.pointee.stage == .handshaking { advance(connection) }
    }

    /// Reads of one connection in a turn: what they bring goes out in fewer and larger sends.
    private static let readsMost = 4

    private func endTurn() -> Bool {
        for _ in 1..<Self.readsMost where state.pointee.queued != nil { advanceQueued() }
        flushAll()
        state.pointee.clock = 0
        return state.pointee.queued != nil
    }

    /// Connections that have more to read, each once.
    private func advanceQueued() {
        var list = state.pointee.queued
        state.pointee.queued = nil
        while let connection = list {
            list = connection.pointee.nextQueued
            connection.pointee.isQueued = false
            connection.pointee.nextQueued = nil
            if connection.pointee.isOpen && connection.pointee.stage != .connecting { advance(connection) }
        }
    }

    private func flushAll() {
        while let connection = state.pointee.dirty {
            state.pointee.dirty = connection.pointee.nextDirty
            connection.pointee.isDirty = false
            connection.pointee.nextDirty = nil
            if connection.pointee.isOpen { flush(connection) }
        }
    }

    /// Goes on with it once all other connections had their turn.
    func enqueue(_ connection: ConnectionRef) {
        guard !connection.pointee.isQueued else { return }
        connection.pointee.isQueued = true
        connection.pointee.nextQueued = state.pointee.queued
        state.pointee.queued = connection
    }

    // MARK: Ending

    /// Closes whatever is open. The loop goes on without it.
    public func stop() {
        closeListeners()
        for place in 0..<state.pointee.limits.connections {
            if let connection = connections[place], connection.pointee.isOpen { drop(connection) }
        }
        flushAll()
        if let sink { loop.remove(sink) }
        if let acceptSink { loop.remove(acceptSink) }
        if let ticker { loop.remove(ticker) }
    }

    func closeListeners() {
        for number in 0..<listenerCount {
            // Another process may have the same socket: the close alone would not end its events.
            loop.unwatch(listeners[number].rawValue)
            (listeners + number).deinitialize(count: 1)
        }
        listenerCount = 0
    }

    deinit {
        for place in 0..<state.pointee.limits.connections {
            connections[place]?.pointee.forwarded.release()
            connections[place]?.deallocate()
        }
        for place in 0..<state.pointee.exchangeCount {
            exchanges[place]?.pointee.release()
            exchanges[place]?.deallocate()
        }
        for service in services {
            service.pointee.release()
            service.deallocate()
        }
        for upstream in upstreams {
            upstream.pointee.multiplexed.deallocate()
            upstream.pointee.serviceText.release()
            upstream.pointee.backendText.release()
            upstream.deinitialize(count: 1)
            upstream.deallocate()
        }
        routes.deinitialize(count: 1)
        routes.deallocate()
        state.deinitialize(count: 1)
        state.deallocate()
        connections.deallocate()
        exchanges.deallocate()
        listeners.deallocate()
        input.deallocate()
        scratch.deallocate()
    }
}
